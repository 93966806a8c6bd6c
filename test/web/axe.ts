/** What axe-core says of a page. */
import axe from 'axe-core';
import type { Page } from 'playwright-core';

interface AxeGlobal {
  readonly axe: {
    run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
  };
}

/** The rules that it breaks, each with the first place. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const found = await (globalThis as unknown as AxeGlobal).axe.run();
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
}
