// Passkeys: the browser talks to the person's device, and the answer goes into the form.
'use strict';
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const letters = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const challenge = async (path) => {
    const answer = await fetch(path, { method: 'POST', redirect: 'manual' });
    const confirm = answer.headers.get('HX-Redirect');
    if (answer.status === 401 && confirm) { location.assign(confirm); return new Promise(() => {}); }
    if (answer.status === 429) throw new Error('Too many attempts. Wait a moment, then try again.');
    if (!answer.ok) throw new Error('The server could not begin this. Reload the page and try again.');
    return (await answer.json()).publicKey;
  };

  const create = async (path) => {
    const asked = await challenge(path);
    const made = await navigator.credentials.create({ publicKey: {
      ...asked,
      challenge: bytes(asked.challenge),
      user: { ...asked.user, id: bytes(asked.user.id) },
      excludeCredentials: named(asked.excludeCredentials),
    } });
    return { id: made.id, rawId: letters(made.rawId), type: made.type, extensions: made.getClientExtensionResults(), response: {
      attestationObject: letters(made.response.attestationObject),
      clientDataJSON: letters(made.response.clientDataJSON),
    } };
  };

  const get = async (path) => {
    const asked = await challenge(path);
    const answer = await navigator.credentials.get({ publicKey: {
      ...asked, challenge: bytes(asked.challenge), allowCredentials: named(asked.allowCredentials),
    } });
    const { authenticatorData, clientDataJSON, signature, userHandle } = answer.response;
    return { id: answer.id, rawId: letters(answer.rawId), type: answer.type, extensions: {}, response: {
      authenticatorData: letters(authenticatorData),
      clientDataJSON: letters(clientDataJSON),
      signature: letters(signature),
      userHandle: userHandle ? letters(userHandle) : null,
    } };
  };

  const words = (error) => {
    if (error.name === 'NotAllowedError') return 'It was cancelled, or took too long. Try again.';
    if (error.name === 'InvalidStateError') return 'This device has a passkey for your account already.';
    if (error.name === 'SecurityError') return `Passkeys do not work at this address. Open this site by its own name${location.hostname === '127.0.0.1' ? `: http://localhost:${location.port}/` : '.'}`;
    return error.message || 'The device did not answer. Try again.';
  };

  const tell = (place, text) => { if (place) { place.hidden = !text; place.textContent = text; } };

  document.addEventListener('submit', async (event) => {
    const form = event.target.closest('[data-passkey]');
    if (!form || form.elements.credential.value) return;
    event.preventDefault();
    const fault = form.querySelector('[data-passkey-fault]');
    tell(fault, '');
    try {
      const act = form.dataset.passkey === 'create' ? create : get;
      form.elements.credential.value = JSON.stringify(await act(form.dataset.options));
      form.submit();
    } catch (error) { tell(fault, words(error)); }
  });

  // A box for the password: a passkey stands in for it, and the form goes on without it.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-passkey-proof]');
    if (!button) return;
    const field = button.closest('.field');
    const fault = field.querySelector('[data-passkey-fault]');
    tell(fault, '');
    try {
      const credential = JSON.stringify(await get('/sign-in/passkey/options'));
      const answer = await fetch('/confirm', { method: 'POST', redirect: 'manual', body: new URLSearchParams({ credential }) });
      if (answer.type !== 'opaqueredirect' && !answer.ok) throw new Error('This passkey is not one of yours.');
      const box = field.querySelector('input');
      box.required = false;
      box.value = '';
      button.disabled = true;
      button.textContent = 'Confirmed';
    } catch (error) { tell(fault, words(error)); }
  });
})();
