// People: invited by a mail that a real server takes, roles that are felt at once, support that both sides see, removal,
// and an audit that is read, taken along and proved elsewhere. With JavaScript and without.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { PROGRAM } from '../stage/files.mjs';
import { MAIL_USER, PERSON, useStage } from '../stage/stage.mjs';
import * as steps from './steps.mjs';

const { at, fill, see, submit } = steps;
const NINA = { name: 'Nina Costa', email: 'nina@example.test', password: 'copper lantern drifts at noon' };
const SAM = { email: 'sam@example.test', password: 'quiet harbour sells umbrellas' };
const LATE = { email: 'late@example.test', password: 'seven marbles under the stairs' };
const REASON = 'Ticket 4711: mails are not sent';

for (const javaScript of [true, false]) {
  describe(`people, JavaScript ${javaScript ? 'on' : 'off'}`, () => {
    const stage = useStage({
      name: `people js ${javaScript ? 'on' : 'off'}`,
      prepare: (it) => {
        const user = encodeURIComponent(MAIL_USER);
        it.settings = { CREDENZA_MAIL_URL: `smtps://${user}:${it.mail.password}@127.0.0.1:${it.mail.port}` };
      },
    });
    const { step } = stage;
    let ana;
    let nina;
    let sam;

    /** Looks at a page that only a mailed link leads to, in both colours and on a telephone. */
    const look = async (visitor, what) => {
      if (!javaScript) return;
      for (const colorScheme of ['light', 'dark']) {
        await visitor.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await visitor.axe(`${what} (${colorScheme})`);
        await visitor.picture(`mailed ${what} ${colorScheme}`);
      }
      await visitor.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
      for (const width of [390, 320]) {
        await visitor.page.setViewportSize({ width, height: 800 });
        await visitor.fits(`${what} at ${width} px`);
      }
      await visitor.axe(`${what} (narrow)`);
      await visitor.picture(`mailed ${what} narrow`);
      await visitor.page.setViewportSize({ width: 1280, height: 900 });
      await visitor.keepsNothing();
    };

    const press = ({ page }, name) => submit(page, page.getByRole('main').getByRole('button', { name }).first());
    const signIn = async (visitor, { email, password }) => {
      await visitor.go('/sign-in');
      await fill(visitor.page, { email, password });
      await submit(visitor.page, visitor.page.getByRole('button', { name: 'Sign in', exact: true }));
    };
    const secretFile = (name, text) => {
      const file = join(stage.scratch.path, name);
      writeFileSync(file, text);
      return file;
    };
    /** The address of somebody's page, by their address of mail. */
    const pageOf = async (email) => {
      await ana.go(at('/members'));
      return ana.page.locator('tr').filter({ hasText: email }).getByRole('link', { name: /^Change role/ }).getAttribute('href');
    };

    step('somebody is invited by a mail', async () => {
      ana = await stage.arrive({ javaScript });
      await steps.setUp(ana, stage);
      await ana.go(at('/invitations'));
      await fill(ana.page, { email: NINA.email, role: 'member' });
      await press(ana, /^Invite/);
      await see(ana.page.getByText('The mail is on its way'));
      assert.equal(await ana.page.locator('#invitation-link').count(), 0, 'the link is in the mail alone');
    });

    step('the link in it opens once, and leads in', async () => {
      const link = await stage.mail.linkTo(NINA.email, '/invitations/');
      nina = await stage.arrive({ javaScript });
      await nina.go(link);
      await look(nina, 'invitation');
      await fill(nina.page, { name: NINA.name, password: 'short' });
      await nina.expecting(422, () => submit(nina.page, nina.page.getByRole('button', { name: 'Join' })));
      await fill(nina.page, { name: NINA.name, password: NINA.password });
      await submit(nina.page, nina.page.getByRole('button', { name: 'Join' }));
      await nina.page.waitForURL(/\/credentials/);
      assert.equal(await nina.page.getByRole('link', { name: 'Settings', exact: true }).count(), 0, 'a member has no settings');
      const late = await stage.arrive({ javaScript });
      await late.expecting(404, () => late.go(link));
      await late.leave();
    });

    step('another role is felt by the next click in another browser', async () => {
      await ana.go(await pageOf(NINA.email));
      await fill(ana.page, { role: 'admin' });
      await press(ana, 'Change role');
      await nina.go(at('/settings'));
      await see(nina.page.getByRole('heading', { name: 'Danger zone' }));
      await ana.go(await pageOf(NINA.email));
      await fill(ana.page, { role: 'member' });
      await press(ana, 'Change role');
      await nina.expecting(403, () => nina.go(at('/settings')));
    });

    step('the last admin cannot go', async () => {
      await ana.go(await pageOf(PERSON.email));
      await fill(ana.page, { role: 'member' });
      await ana.expecting(409, () => press(ana, 'Change role'));
      await see(ana.page.getByText(/last admin/));
      await ana.go(at('/departure'));
      await fill(ana.page, { confirm_name: PERSON.workspace });
      await ana.expecting(409, () => press(ana, 'Leave'));
      await see(ana.page.getByText(/last admin/));
    });

    step('support is let in for a reason and a time, and both sides see it', async () => {
      const file = secretFile('sam', SAM.password);
      const slug = stage.console.shell('workspace', 'add', '--name', 'Help Desk').split(/\s+/).at(-1);
      stage.console.shell('member', 'add', '--workspace', slug, '--email', SAM.email, '--role', 'admin', '--password-file', file);
      sam = await stage.arrive({ javaScript });
      await signIn(sam, SAM);
      await sam.expecting(404, () => sam.go(at('/credentials')));
      await ana.go(at('/settings'));
      await fill(ana.page, { email: SAM.email, reason: REASON, hours: '1' });
      await press(ana, 'Let support in');
      await ana.go(at('/credentials'));
      await see(ana.page.locator('[data-support]').filter({ hasText: REASON }));
      await ana.go(at('/overview'));
      await see(ana.page.locator('#health').getByText('may look in'));
      await sam.go('/support');
      await see(sam.page.getByText(REASON));
      await sam.page.getByRole('main').getByRole('link', { name: PERSON.workspace }).click();
      await sam.page.waitForURL(/\/credentials/);
      await sam.go(at('/audit'));
      await sam.expecting(403, () => sam.go(at('/settings')));
      await ana.go(at('/audit?action=support.viewed'));
      await see(ana.page.locator('table.audit').getByText('looked at'));
      await ana.go(at('/settings'));
      await press(ana, /^End now/);
      await sam.expecting(404, () => sam.go(at('/credentials')));
    });

    step('access that has an end ends by itself', async () => {
      const until = new Date(Date.now() + 12_000).toISOString().replace(/\.\d+Z$/, 'Z');
      const file = secretFile('late', LATE.password);
      stage.console.shell('member', 'add', '--workspace', PERSON.slug, '--email', LATE.email, '--role', 'support',
        '--password-file', file, '--reason', REASON, '--until', until);
      const late = await stage.arrive({ javaScript });
      await signIn(late, LATE);
      await late.go(at('/credentials'));
      await see(late.page.getByRole('link', { name: 'Open to you' }));
      await pause(Math.max(0, new Date(until) - Date.now()) + 1_000);
      await late.expecting(404, () => late.go(at('/credentials')));
      await late.leave();
    });

    step('whoever is removed is signed out at once, and leaves a report', async () => {
      await nina.go(at('/credentials'));
      await ana.go(`${await pageOf(NINA.email)}/removal`);
      await press(ana, 'Remove');
      await see(ana.page.getByRole('heading', { name: `What ${NINA.name} leaves behind` }));
      await nina.go(at('/credentials'));
      assert.match(nina.page.url(), /\/sign-in/);
    });

    step('pages behind mailed links: a new password, another address', async () => {
      await nina.go('/password/forgot');
      await fill(nina.page, { email: NINA.email });
      await press(nina, /./);
      await nina.go(await stage.mail.linkTo(NINA.email, '/password/reset/'));
      await look(nina, 'reset');
      await ana.go('/account/email');
      await fill(ana.page, { email: 'ana.new@example.test' });
      await press(ana, /./);
      await ana.go(await stage.mail.linkTo('ana.new@example.test', '/account/email/'));
      await look(ana, 'another address');
      await press(ana, /./);
      await ana.go('/account');
      await see(ana.page.getByText('ana.new@example.test'));
    });

    step('the audit is narrowed, taken along, and proved elsewhere', async () => {
      await ana.go(at('/audit'));
      await ana.page.locator('[name="action"]').selectOption('member.removed');
      await ana.page.getByRole('button', { name: 'Filter' }).click();
      await ana.page.waitForURL(/action=member\.removed/);
      const sentences = await ana.page.locator('table.audit th p').allInnerTexts();
      assert.equal(sentences.length, 1);
      assert.match(sentences[0], new RegExp(`removed ${NINA.name} from the workspace`));
      await ana.page.getByRole('link', { name: 'Clear' }).click();
      const [download] = await Promise.all([
        ana.page.waitForEvent('download'),
        ana.page.getByRole('link', { name: 'Whole audit (JSONL)' }).click(),
      ]);
      const file = join(stage.scratch.path, 'audit.jsonl');
      await download.saveAs(file);
      const key = stage.console.shell('audit', 'key').split('\n')[0];
      const proved = execFileSync(PROGRAM, ['audit', 'verify', file, '--public-key', key], { env: {}, encoding: 'utf8' });
      assert.match(proved, /sound up to event \d+/);
      const sheet = await ana.page.request.get(at('/audit.csv?action=member.removed'));
      assert.equal((await sheet.text()).trim().split('\r\n').length, 2);
    });
  });
}
