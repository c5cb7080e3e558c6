// Runs the journeys, one file after the other, each in a process of its own with its own console and browser.
//
//   node tests/browser/run.mjs            all
//   node tests/browser/run.mjs smtp wire  the files whose names contain one of the words
//
// CREDENZA_BIN names the program under test. Pictures and the console's log of a failed step are left in out/.
import { readdirSync, rmSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { OUT } from './stage/files.mjs';

const words = process.argv.slice(2);
const folder = join(import.meta.dirname, 'journeys');
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.test.mjs'))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .sort()
  .map((name) => join(folder, name));

if (files.length === 0) {
  console.error(`no journey is called like ${words.join(' or ')}`);
  process.exit(1);
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });

const count = { passed: 0, failed: 0 };

const events = run({ files, concurrency: 1, timeout: 10 * 60 * 1000 });
events.on('test:pass', (data) => {
  if (data.details?.type === 'suite') return;
  // A test that did not run is not a test that passed.
  if (data.skip !== undefined || data.todo !== undefined) count.failed += 1;
  else count.passed += 1;
});
events.on('test:fail', (data) => {
  // A suite fails because of its tests, which are counted, or because of its set-up, which is not.
  if (data.details?.type === 'suite' && data.details.error?.failureType === 'subtestsFailed') return;
  count.failed += 1;
});
events.compose(new spec()).pipe(process.stdout);

process.exitCode = 1;
process.on('exit', () => {
  console.log(`browser: ${count.passed} passed, ${count.failed} failed`);
  if (count.failed === 0 && count.passed > 0) process.exitCode = 0;
});
