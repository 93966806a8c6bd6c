/** Light or dark: as the system says, until the reader chooses. */
import { useEffect, useState } from 'preact/hooks';
import { recall, remember } from './storage.js';

const CHOICES = ['system', 'light', 'dark'] as const;
type Choice = (typeof CHOICES)[number];

export function ThemeChoice() {
  const [choice, setChoice] = useState<Choice>(() => {
    const found = recall<unknown>('theme');
    return CHOICES.find((each) => each === found) ?? 'system';
  });
  useEffect(() => {
    const { dataset } = document.documentElement;
    if (choice === 'system') delete dataset.theme;
    else dataset.theme = choice;
  }, [choice]);
  return (
    <label class="theme">
      <span class="hidden">Colours</span>
      <select
        value={choice}
        onChange={({ currentTarget: { value } }) => {
          const next = CHOICES.find((each) => each === value) ?? 'system';
          remember('theme', next);
          setChoice(next);
        }}
      >
        <option value="system">Colours: system</option>
        <option value="light">Colours: light</option>
        <option value="dark">Colours: dark</option>
      </select>
    </label>
  );
}
