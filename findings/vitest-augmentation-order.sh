#!/usr/bin/env bash
# Finding: whether a library's augmentation of vitest's `Assertion` is seen depends on the order of the user's imports,
# unless the declaration file imports 'vitest' itself. vitest 4.1.12, TypeScript 5.9.3.
#
# vitest's `Assertion` inherits `toReturn: () => void`; a library's declarations may give it a parameter by
# `declare module 'vitest' { interface Assertion<T> { toReturn(value?: unknown): void } }`. One would have guessed that
# an augmentation counts wherever the file that has it is loaded, and that two augmentations in one block share their
# fate. Seen, for a declaration file that does not import 'vitest': when the user imports the library before vitest,
# the addition to `Matchers` is there, but `expect(1).toReturn(1)` is "Expected 0 arguments, but got 1"; with the two
# imports the other way round it compiles. With `import 'vitest'` in the declaration file both orders compile. No error
# is shown for the declaration file. tsc drops imports that declarations do not use, so that a library whose source
# imports from vitest can lose the import in what it publishes; `import 'vitest';` alone is kept.
#
# Exits 0 while that is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '{ "type": "module", "private": true }\n' > package.json
npm install --silent --no-audit --no-fund vitest@4.1.12 typescript@5.9.3

augmentation() {
  cat <<'TS'
import type { Stats } from 'node:fs';
export declare const unrelated: Stats | undefined;
declare module 'vitest' {
  interface Matchers<T = any> {
    toBeSeen(): void;
  }
  interface Assertion<T = any> {
    toReturn(value?: unknown): void;
  }
}
TS
}
augmentation > without.d.ts
{ echo "import 'vitest';"; augmentation; } > with.d.ts

# check DECLARATIONS FIRST: what tsc says of a use that imports FIRST (library or vitest) first.
check() {
  local library="import './$1.js';" vitest="import { expect } from 'vitest';"
  if [ "$2" = library ]; then printf '%s\n%s\n' "$library" "$vitest"; else printf '%s\n%s\n' "$vitest" "$library"; fi > use.ts
  printf 'expect(1).toBeSeen();\nexpect(1).toReturn(1);\n' >> use.ts
  npx tsc --noEmit --module nodenext --target es2022 --skipLibCheck use.ts || true
}

changed=0
expect() {
  local seen
  seen=$(check "$1" "$2")
  printf '%-7s import, %-7s first: %s\n' "$1" "$2" "${seen:-compiles}"
  [ "$seen" = "$3" ] || changed=1
}
expect without library 'use.ts(4,20): error TS2554: Expected 0 arguments, but got 1.'
expect without vitest ''
expect with library ''
expect with vitest ''
exit "$changed"
