/** A timeline in a terminal: a row for each run of pages, a column for each call, and what the calls were. */
import {
  type Sandbox,
  siteOf,
  straceCall,
  type Timeline,
  type TimelineRow,
  type TimelineStep,
  timelineOf,
} from '../../index.js';
import { type Cell, renderTable } from '../terminal/table.js';
import { type Colour, hang, type Terminal } from '../terminal/terminal.js';
import { placeText } from './address-text.js';

/** Where the output is no terminal, and at most on one. */
const WIDTH = 80;
/** Of a program that changes its map in a loop the beginning says what it does. */
const MOST_STEPS = 48;
const NAME_WIDTH = 16;

export function timelineLines(sandbox: Sandbox, terminal: Terminal): string[] {
  const { steps, rows } = timelineOf(sandbox.trace);
  const shown = steps.slice(0, MOST_STEPS);
  const narrow = { ...terminal, width: Math.min(terminal.width, WIDTH) };
  const rest = steps.length - shown.length;
  return [
    ...renderTable(tableOf({ steps: shown, rows }), narrow, 2),
    '',
    ...shown.flatMap((step, index) => legendOf(sandbox, step, index, narrow)),
    ...(rest > 0 ? [`and ${rest} more: --json has them all`] : []),
  ];
}

function tableOf({ steps, rows }: Timeline): Cell[][] {
  const header = ['pages', '', ...steps.map((_, index) => heading(index))].map((text) => ({
    text,
  }));
  const seen = rows.filter(({ rights }) => rights.slice(0, steps.length).some(Boolean));
  return [header, ...seen.map((row) => rowCells(row, steps.length))];
}

function heading(index: number): string {
  return index === 0 ? 'start' : String(index);
}

function rowCells({ start, end, name, rights }: TimelineRow, count: number): Cell[] {
  const short = name.length > NAME_WIDTH ? `…${name.slice(1 - NAME_WIDTH)}` : name;
  const cells = rights.slice(0, count).map((text): Cell => {
    if (text === undefined) return { text: '.', colour: 'dim' };
    const colour = colourOf(text);
    return colour === undefined ? { text } : { text, colour };
  });
  return [{ text: `${start.toString(16)}-${end.toString(16)}` }, { text: short }, ...cells];
}

function colourOf(rights: string): Colour | undefined {
  const [writable, executable] = [rights.includes('w'), rights.includes('x')];
  if (writable && executable) return 'red';
  return executable ? 'green' : writable ? 'yellow' : undefined;
}

function legendOf(
  sandbox: Sandbox,
  step: TimelineStep,
  index: number,
  { width }: Terminal,
): string[] {
  const label = `${heading(index).padEnd(5)}  `;
  const { cause, call, rule, reason } = step;
  const what =
    call === undefined
      ? cause === 'exec'
        ? 'the program is loaded'
        : cause
      : `${straceCall(call)}, at ${placeText(sandbox, siteOf(call))}`;
  const why = rule === undefined ? [] : [`${rule}: ${reason ?? ''}`];
  return hang(label, [what, ...why], width);
}
