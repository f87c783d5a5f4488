import { readFileSync, writeFileSync } from 'node:fs';
import { systems } from '@backoffice/api';
import { envExample } from '@backoffice/platform';

// Writes .env.example from the config schema; with --check only says whether it is as it should be.
const file = new URL('../.env.example', import.meta.url);
const wanted = envExample(systems);
if (!process.argv.includes('--check')) {
  writeFileSync(file, wanted);
} else {
  let found = '';
  try {
    found = readFileSync(file, 'utf8');
  } catch {
    // Missing: not as it should be either.
  }
  if (found !== wanted) {
    console.error('.env.example does not fit the config schema; run "pnpm env:example".');
    process.exitCode = 1;
  }
}
