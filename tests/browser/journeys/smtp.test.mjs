// The whole life of a credential against a real mail server, with JavaScript and without.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { PERSON, useStage } from '../stage/stage.mjs';
import * as steps from './steps.mjs';

const { at, box, fill, mailValues, row, saveButton, see, status, submit } = steps;
const NAME = 'Production mail';
const RENAMED = 'Newsletter mail';
const OTHER = 'Website events';
const RELAY = 'Office relay';
const TRIED = 'Receipts mail';
const WRONG = 'Wr0ng-password-CANARY';

for (const javaScript of [true, false]) {
  describe(`a mail credential, JavaScript ${javaScript ? 'on' : 'off'}`, () => {
    const stage = useStage({ name: `smtp js ${javaScript ? 'on' : 'off'}` });
    const { step } = stage;
    let visitor;
    let page;
    let address;

    /** Verifies on the credential's page and waits for what follows. */
    const verify = async () => {
      await visitor.go(address);
      await submit(page, page.getByRole('main').getByRole('button', { name: /verify|try again/i }).first());
      await visitor.go(address);
    };

    step('the first run makes the workspace, once', async () => {
      visitor = await stage.arrive({ javaScript });
      page = visitor.page;
      await steps.setUp(visitor, stage);
      await visitor.expecting(404, () => visitor.go(stage.console.setupPath()));
    });

    step('the empty list leads to the gallery and the gallery to the form', async () => {
      await visitor.go(at('/credentials'));
      await steps.createLink(page).first().click();
      await page.waitForURL(/\/credentials\/new/);
      await steps.service(page, 'SMTP').first().click();
      await page.waitForURL(/integration=smtp/);
      await see(box(page, 'f.host'));
      await visitor.picture(`smtp form js ${javaScript}`);
    });

    step('another credential stands in the list before', async () => {
      await steps.create(visitor, {
        integration: 'website', method: 'webhook', name: OTHER,
        values: { 'f.url': 'https://hooks.example.com/credenza', 'f.signing_secret': 'whsec-0123456789abcdef0123456789abcdef' },
      });
    });

    step('a wrong password is refused: hint, steps, what was typed is still there, the secret is not', async () => {
      await visitor.go(at('/credentials/new?integration=smtp&method=password'));
      await fill(page, { name: NAME, description: 'For newsletters', ...mailValues(stage.mail, WRONG) });
      const answer = await visitor.expecting(422, () => submit(page, saveButton(page)));
      assert.equal(answer.status(), 422);
      await see(page.getByText(/refused the user name or password/i));
      await see(page.locator('#banner[data-code]'));
      await see(page.getByText(/what we tried/i));
      const tried = (await page.locator('.steps li').allInnerTexts()).join('\n');
      for (const words of [`port ${stage.mail.port}`, /certificate/i, /failed:.*sign/is]) assert.match(tried, new RegExp(words));
      assert.equal(await box(page, 'name').inputValue(), NAME);
      assert.equal(await box(page, 'description').inputValue(), 'For newsletters');
      assert.equal(await box(page, 'f.port').inputValue(), String(stage.mail.port));
      assert.equal(await box(page, 'f.user').inputValue(), 'robot@example.test');
      await steps.secretsAreBlank(page);
      assert.ok(!(await page.content()).includes(WRONG), 'the wrong password came back');
      assert.deepEqual(stage.mail.signIns.map((one) => one.good), [false], 'one sign-in was tried, not more');
      await visitor.picture(`smtp refused js ${javaScript}`);
    });

    step('the right password is saved, on the same page, and verified', async () => {
      await fill(page, { 'f.password': stage.mail.password });
      await submit(page, saveButton(page));
      await page.waitForURL(steps.CREDENTIAL);
      address = new URL(page.url()).pathname;
      await see(status(page, 'working'));
      assert.ok(!(await page.content()).includes(stage.mail.password), 'the password is on the page');
      assert.deepEqual(stage.mail.envelopes, [], 'a check began a mail');
      await visitor.picture(`smtp working js ${javaScript}`);
    });

    step('it is on top of the list with a green tick', async () => {
      assert.deepEqual(await steps.names(visitor, [NAME, OTHER]), [NAME, OTHER]);
      await see(status(row(page, NAME), 'working'));
      await see(row(page, NAME).getByText(/SMTP/));
      await see(status(row(page, OTHER), 'unverified'));
      await visitor.picture(`list js ${javaScript}`);
    });

    step('a name that is taken is refused', async () => {
      await visitor.go(`${address}/name`);
      await fill(page, { name: OTHER.toUpperCase() });
      await visitor.expecting(422, () => submit(page, page.getByRole('button', { name: 'Rename' })));
      assert.equal(await box(page, 'name').inputValue(), OTHER.toUpperCase());
    });

    step('renaming verifies nothing', async () => {
      const before = stage.mail.connections;
      await visitor.go(`${address}/name`);
      await fill(page, { name: RENAMED });
      await submit(page, page.getByRole('button', { name: 'Rename' }));
      await visitor.go(address);
      await see(page.getByRole('heading', { name: RENAMED }));
      assert.equal(stage.mail.connections, before, 'renaming called the mail server');
    });

    step('another port asks for the password again and calls nobody', async () => {
      await visitor.go(`${address}/edit`);
      await steps.secretsAreBlank(page);
      await fill(page, { 'f.port': String(stage.otherMail.port) });
      await visitor.expecting(422, () => submit(page, saveButton(page)));
      await see(page.locator('[data-code="secret_required"]'));
      assert.equal(await box(page, 'f.port').inputValue(), String(stage.otherMail.port));
      assert.equal(stage.otherMail.connections, 0, 'the stored password went to a new destination');
    });

    step('with the password the new port is verified and saved', async () => {
      await fill(page, { 'f.password': stage.otherMail.password });
      await submit(page, saveButton(page));
      await page.waitForURL(steps.CREDENTIAL);
      await see(status(page, 'working'));
      await see(page.getByRole('main').getByText(String(stage.otherMail.port)));
      assert.deepEqual(stage.otherMail.signIns.map((one) => one.good), [true]);
    });

    step('a server that is down turns nothing red and the last good time stays', async () => {
      await stage.otherMail.stop();
      await verify();
      await see(page.getByRole('main').getByText(/did not take the connection/i));
      await see(page.getByRole('main').getByText(/last (good|worked|verified)/i));
      await visitor.go(at('/credentials'));
      await see(status(row(page, RENAMED), 'working'));
      await visitor.go(address);
      await visitor.picture(`smtp server down js ${javaScript}`);
      await stage.otherMail.start();
    });

    step('a password changed at the provider turns it red, with the hint', async () => {
      stage.otherMail.password = 'changed-at-the-provider-2';
      await verify();
      await see(status(page, 'broken'));
      await see(page.getByText(/refused the user name or password/i));
      await visitor.picture(`smtp broken js ${javaScript}`);
      await visitor.go(at('/credentials'));
      await see(status(row(page, RENAMED), 'broken'));
    });

    step('the new secret alone mends it', async () => {
      await visitor.go(`${address}/rotation`);
      await steps.secretsAreBlank(page);
      await fill(page, { 'f.password': stage.otherMail.password });
      await submit(page, page.getByRole('button', { name: 'Verify and save' }));
      await page.waitForURL(steps.CREDENTIAL);
      await see(status(page, 'working'));
      assert.equal(stage.otherMail.signIns.at(-1).good, true);
    });

    step('STARTTLS works as well', async () => {
      await steps.create(visitor, {
        integration: 'smtp', method: 'password', name: RELAY, values: mailValues(stage.startTlsMail, stage.startTlsMail.password),
      });
      await see(status(page, 'working'));
      assert.deepEqual(await steps.names(visitor, [RELAY, RENAMED, OTHER]), [RELAY, RENAMED, OTHER]);
    });

    step('verifying from the list works too, and each credential says its own', async () => {
      stage.startTlsMail.password = 'changed-there-as-well-3';
      await submit(page, row(page, RELAY).getByRole('button', { name: /verify/i }));
      if (javaScript) await see(status(row(page, RELAY), 'broken'));
      await visitor.go(at('/credentials'));
      await see(status(row(page, RELAY), 'broken'));
      await see(status(row(page, RENAMED), 'working'));
    });

    step('deleting asks first, by name', async () => {
      await visitor.go(at('/credentials'));
      await row(page, RENAMED).getByRole('link', { name: /delete/i }).click();
      await see(page.getByRole('heading', { name: `Delete “${RENAMED}”?` }));
      await visitor.picture(`deletion js ${javaScript}`);
      await submit(page, steps.deleteButton(page));
      assert.deepEqual(await steps.names(visitor, [RELAY, RENAMED, OTHER]), [RELAY, OTHER]);
      await visitor.expecting(404, () => visitor.go(address));
    });

    step('it comes back from “Recently deleted” as it was', async () => {
      await visitor.go(at('/credentials/deleted'));
      await see(page.getByText(RENAMED));
      await visitor.picture(`recently deleted js ${javaScript}`);
      await submit(page, page.getByRole('button', { name: `Restore ${RENAMED}` }));
      assert.ok((await steps.names(visitor, [RELAY, RENAMED, OTHER])).includes(RENAMED));
      await verify();
      await see(status(page, 'working'));
      assert.equal(stage.otherMail.signIns.at(-1).good, true, 'the restored credential signs in with its stored password');
    });

    step('no mail was ever begun, and nothing is kept in the browser', async () => {
      for (const server of [stage.mail, stage.otherMail, stage.startTlsMail]) assert.deepEqual(server.envelopes, []);
      if (javaScript) await visitor.keepsNothing();
    });

    step('a test mail goes to whoever asks, and to nobody else', async () => {
      await steps.create(visitor, {
        integration: 'smtp', method: 'password', name: TRIED, values: mailValues(stage.mail, stage.mail.password),
      });
      const tried = new URL(page.url()).pathname;
      await page.getByRole('link', { name: 'Send a test mail' }).click();
      await see(page.getByText(PERSON.email));
      if (javaScript) await visitor.axe('the form of a test mail');
      await visitor.picture(`test mail js ${javaScript}`);
      await submit(page, page.getByRole('button', { name: 'Send it' }));
      await see(page.getByText('The mail server took the test mail'));
      assert.deepEqual(stage.mail.mails.map((mail) => mail.to), [[PERSON.email]]);
      assert.match(stage.mail.mails[0].text, /test mail/);
      await see(page.getByText('sent a test mail to themselves with it'));
      stage.mail.password = 'changed-once-more-5';
      await visitor.go(`${tried}/test-mail`);
      await visitor.expecting(422, () => submit(page, page.getByRole('button', { name: 'Send it' })));
      await see(page.locator('#banner[data-code]'));
      if (javaScript) await visitor.axe('a test mail that was refused');
      await visitor.picture(`test mail refused js ${javaScript}`);
      await visitor.go(tried);
      await see(status(page, 'working'));
      assert.equal(stage.mail.mails.length, 1);
    });

    step('signing out ends it', async () => {
      await visitor.go(at('/credentials'));
      await submit(page, page.getByRole('button', { name: /sign out/i }));
      await visitor.go(at('/credentials'));
      assert.match(page.url(), /\/sign-in/);
      await steps.signIn(visitor);
      assert.match(page.url(), new RegExp(`/w/${PERSON.slug}`));
    });
  });
}
