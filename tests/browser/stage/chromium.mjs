// Debian's Chromium, quiet: no look-ups and no calls of its own.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const PLACES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const FLAGS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

/** Starts a browser with an empty profile. */
export function launch() {
  const executablePath = PLACES.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('no Chromium here: install the package chromium, or set CHROMIUM');
  // Chromium refuses its own sandbox to root.
  const root = process.getuid?.() === 0;
  return chromium.launch({ executablePath, headless: true, args: root ? [...FLAGS, '--no-sandbox'] : FLAGS });
}
