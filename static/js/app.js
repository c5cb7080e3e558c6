// What pages do beyond plain links and forms. Without this file everything still works.
'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('js');

  // htmx parses answers into inert documents; nothing else may turn text into markup or code.
  if (window.trustedTypes && trustedTypes.createPolicy) {
    const inert = ['Document parseHTMLUnsafe', 'DOMParser parseFromString'];
    trustedTypes.createPolicy('default', {
      createHTML: (text, type, sink) => (inert.includes(sink) ? text : null),
    });
  }

  const find = (css, from = document) => from.querySelector(css);
  const all = (css, from = document) => [...from.querySelectorAll(css)];
  const on = (type, act) => document.addEventListener(type, act);

  // ---- Keys: single letters only while nothing is being typed, and only if switched on.
  const typing = (target) => target.closest('input, textarea, select, [contenteditable]');
  const open = (dialog) => { if (dialog && !dialog.open) dialog.showModal(); };

  const move = (step) => {
    const names = all('[data-rows] a.name');
    if (!names.length) return false;
    const row = document.activeElement.closest('[data-rows] tbody tr');
    const at = row ? names.findIndex((name) => row.contains(name)) : -1;
    const next = names[Math.min(names.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    next.focus();
    next.scrollIntoView({ block: 'nearest' });
    return true;
  };

  const keys = {
    '/': () => { const box = find('#q'); if (box) { box.focus(); box.select(); } return box; },
    n: () => { const link = find('#create'); if (link) link.click(); return link; },
    '?': () => { open(find('#help')); return true; },
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
  };

  on('keydown', (event) => {
    if (event.key === 'Escape') { all('form[aria-busy]:not([hx-post])').forEach(settle); for (const menu of all('details.menu[open]')) { menu.open = false; find('summary', menu).focus(); } return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || find('dialog[open]')) return;
    if (!event.key.startsWith('Arrow') && root.dataset.shortcuts !== 'on') return;
    if (event.key.startsWith('Arrow') && !event.target.closest('[data-rows]')) return;
    if (keys[event.key] && keys[event.key]()) event.preventDefault();
  });

  // ---- Menus close when something else is clicked.
  on('click', (event) => {
    if (event.target.closest('[data-help]')) open(find('#help'));
    for (const menu of all('details.menu[open]')) if (!menu.contains(event.target)) menu.open = false;
    if (event.target.closest('dialog [data-close]')) { event.preventDefault(); event.target.closest('dialog').close(); }
  });

  // ---- Progress: the button that was pressed says what is going on; a second press does nothing. Browsers do not tell
  // that somebody stopped it: Escape and time let go of the form.
  let slow;
  on('submit', (event) => {
    const form = event.target;
    if (!form.matches('[data-progress]')) return;
    if (form.getAttribute('aria-busy') === 'true') { event.preventDefault(); return; }
    const button = event.submitter || find('button[type=submit]', form);
    form.setAttribute('aria-busy', 'true');
    button.setAttribute('aria-busy', 'true');
    clearTimeout(slow);
    slow = setTimeout(settle, 40000, form);
    if (button.dataset.busy) { button.dataset.idle = button.textContent; button.textContent = button.dataset.busy; }
  });
  const settle = (form) => {
    form.removeAttribute('aria-busy');
    for (const button of all('[aria-busy]', form)) {
      button.removeAttribute('aria-busy');
      if (button.dataset.idle) button.textContent = button.dataset.idle;
    }
  };
  window.addEventListener('pageshow', () => all('form[aria-busy]').forEach(settle));

  // ---- New passwords: a bar that fills, and words once typing pauses: what is missing, or that it is enough. The
  // server judges; nothing is sent before.
  const runs = ['1234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm', 'abcdefghijklmnopqrstuvwxyz'];
  const weakness = (text, form) => {
    const plain = text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
    if (new Set(plain).size < 5 || /(.{1,6}?)\1{3}/.test(plain)) return 'It repeats itself. Other words make it hard to guess.';
    const walks = [...plain.slice(3)].filter((_, n) => runs.some((run) => run.includes(plain.slice(n, n + 4))));
    if (walks.length > plain.length / 2) return 'It follows the keyboard or the alphabet. Other words make it hard to guess.';
    const own = ['name', 'email', 'workspace', 'username'].map((name) => form.elements[name]?.value.split('@')[0].toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''));
    return own.some((word) => word && word.length > 3 && plain.includes(word)) ? 'It has a name in it that is on this page. Leave that out.' : '';
  };
  const judged = (box) => {
    const missing = Number(box.dataset.meter) - new TextEncoder().encode(box.value).length;
    if (!box.value) return '';
    if (missing > 0) return missing > 3 ? `${missing} characters more: another word or two.` : `${missing} more.`;
    return weakness(box.value, box.form) || 'Long enough, and no simple pattern.';
  };
  let speak;
  on('input', (event) => {
    const box = event.target.closest('[data-meter]');
    if (!box) return;
    const bar = find('[data-meter-bar]', box.closest('.field'));
    const text = judged(box);
    bar.value = Math.min(bar.max, new TextEncoder().encode(box.value).length);
    bar.classList.toggle('ok', text.startsWith('Long'));
    clearTimeout(speak);
    speak = setTimeout(() => { find('[data-meter-says]', box.closest('.field')).textContent = text; }, 500);
  });

  // ---- Conditional fields: sent without secrets, redrawn in place.
  let wait;
  const redraw = (event) => {
    if (!event.target.matches('[data-steers]') || !find('#redraw')) return;
    clearTimeout(wait);
    wait = setTimeout(() => find('#redraw').dispatchEvent(new CustomEvent('redraw')), event.type === 'input' ? 250 : 0);
  };
  on('input', (event) => { redraw(event); hints(event.target); });

  // ---- A choice may set other fields (encryption sets the port) and carry a warning.
  on('change', (event) => {
    const box = event.target;
    const chosen = box.matches('select') ? box.selectedOptions[0] : box;
    for (const pair of ((chosen && chosen.dataset.set) || '').split(';').filter(Boolean)) {
      const at = pair.indexOf('=');
      const other = document.getElementById(`f-${pair.slice(0, at)}`);
      if (other && !other.readOnly && !other.disabled) other.value = pair.slice(at + 1);
    }
    const set = box.closest('fieldset');
    if (set) for (const warn of all('[data-warn-for]', set)) warn.dataset.shown = warn.dataset.warnFor === box.id ? 'yes' : 'no';
    redraw(event);
    if (box.name === 'environment') all('[data-secret]').forEach(hints);
  });

  // ---- Hints while typing and pasting: shapes of keys come from the catalogue.
  const shapes = () => all('#patterns > li').flatMap((li) => {
    try { return [{ test: new RegExp(li.dataset.pattern), label: li.dataset.label, env: li.dataset.env, own: 'own' in li.dataset }]; } catch { return []; }
  });
  const hint = (box, text) => {
    const id = `${box.id}-hint`;
    let line = document.getElementById(id);
    if (!text) { if (line) line.remove(); return; }
    if (!line) {
      line = document.createElement('p');
      line.id = id;
      line.className = 'why warn';
      line.setAttribute('role', 'status');
      (box.closest('.adorn') || box).after(line);
    }
    if (line.textContent !== text) line.textContent = text;
  };
  const vague = /^(my |new |the )?(credentials?|api ?keys?|keys?|tokens?|tests?|default|untitled)[ _-]?\d*$/i;
  const hints = (box) => {
    if (!box.id || !box.form || box.form.id !== 'credential') return;
    const text = box.value.trim();
    const shape = text.length > 5 && shapes().find((s) => s.test.test(text));
    if (!box.matches('[data-secret]')) {
      const leak = shape && !box.matches('[type=radio], [type=checkbox]');
      const unclear = box.id === 'name' && vague.test(text) && 'Others will not know which one this is. Say what it is for, such as “Production Gmail SMTP”.';
      hint(box, leak ? `This looks like a secret (${shape.label}). It would be shown to others here: put it into the secret's own box.` : unclear || '');
      return;
    }
    const environment = find('[name=environment]:checked', box.form);
    if (shape && !shape.own) hint(box, `This looks like another service's key: ${shape.label}.`);
    else if (shape && shape.env === 'live' && environment && environment.value === 'test') hint(box, 'This is a live key, but the environment says test.');
    else if (shape && shape.env === 'test' && environment && environment.value === 'production') hint(box, 'This is a test key, but the environment says production.');
    else if (/^pk_(live|test)_/.test(text)) hint(box, 'This is a publishable key. The secret key begins with sk_ or rk_.');
    else if (/^\s|\s$/.test(box.value) && text) hint(box, 'There is a space before or after it. Check whether it belongs to it.');
    else hint(box, '');
  };

  // ---- The gallery: every word typed must begin a word of the service.
  const fold = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const sift = (box) => {
    const words = fold(box.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of all('[data-words]')) {
      const own = fold(item.dataset.words).split(/[^\p{L}\p{N}]+/u);
      item.hidden = !words.every((word) => own.some((o) => o.startsWith(word)));
      if (!item.hidden) shown += 1;
    }
    for (const part of all('[data-cat]')) part.hidden = !find('[data-words]:not([hidden])', part);
    const recent = find('#recent');
    if (recent) recent.hidden = words.length > 0;
    find('#none').hidden = shown > 0;
  };
  on('input', (event) => { if (event.target.matches('[data-gallery]')) sift(event.target); });
  on('keydown', (event) => {
    if (event.key !== 'Enter' || !event.target.matches('[data-gallery]')) return;
    const shown = all('[data-words]:not([hidden]) a');
    if (event.target.value && shown.length === 1) { event.preventDefault(); shown[0].click(); }
  });

  // ---- htmx: clean addresses, the address bar, the dialog.
  on('htmx:config:request', (event) => {
    const { ctx } = event.detail;
    if (!ctx.sourceElement.matches('[data-filter]') || !ctx.request.body) return;
    for (const [name, value] of [...ctx.request.body]) if (!value) ctx.request.body.delete(name);
  });
  // What is searched now is in the address, in the chips' links, and said.
  const filtered = (address) => {
    history.replaceState(null, '', address);
    for (const chip of all('#results .chips a')) {
      const link = new URL(chip.href);
      for (const name of ['q', 'integration', 'environment', 'sort']) {
        const value = address.searchParams.get(name);
        if (value) link.searchParams.set(name, value); else link.searchParams.delete(name);
      }
      chip.href = link.pathname + link.search;
    }
    find('#said').textContent = find('#found').dataset.said;
  };
  on('htmx:after:swap', (event) => {
    const { ctx } = event.detail;
    const from = ctx.sourceElement;
    if (from.matches('[data-filter]')) filtered(new URL(ctx.request.action, location.href));
    const row = find('#said') && ctx.target && ctx.target.matches('[id^=row-]') && document.getElementById(ctx.target.id);
    if (row) find('#said').textContent = `${find('a.name', row).textContent}: ${find('.st b', row).textContent}`;
    if (ctx.target && ctx.target.id === 'dialog') {
      if (find(from.getAttribute('hx-select'), ctx.target)) open(ctx.target);
      else location.assign(from.href || location.href);
    }
  });
  // ---- A refusal is a whole page: it never takes the place of a row, of the results or of a form's fields.
  const tell = (row, answer) => {
    const oops = find('.oops', new DOMParser().parseFromString(answer, 'text/html'));
    const line = document.createElement('tr');
    const cell = line.insertCell();
    const note = cell.appendChild(document.createElement('div'));
    line.className = 'told';
    cell.colSpan = row.cells.length;
    note.className = 'note bad';
    note.setAttribute('role', 'alert');
    row.after(line);
    note.textContent = oops ? `${find('h1', oops).textContent}. ${find('h1 + p', oops).textContent}` : 'That did not work. Reload the page and try again.';
  };
  on('htmx:before:request', (event) => {
    const row = event.detail.ctx.sourceElement.closest('[data-rows] tr');
    if (row && row.nextElementSibling && row.nextElementSibling.matches('.told')) row.nextElementSibling.remove();
  });
  on('htmx:after:request', (event) => {
    const { ctx } = event.detail;
    const from = ctx.sourceElement;
    if (ctx.response.status < 400 || (ctx.response.status === 401 && from.id !== 'redraw')) return;
    event.preventDefault();
    const row = from.closest('[data-rows] tr');
    if (from.matches('[data-filter]')) location.assign(ctx.request.action);
    else if (from.matches('a[href]')) location.assign(from.href);
    else if (row) tell(row, ctx.text);
  });
  on('htmx:finally:request', (event) => {
    const form = event.detail.ctx.sourceElement;
    if (form && form.matches && form.matches('form[aria-busy]')) settle(form);
  });
  on('htmx:error', (event) => {
    const { ctx } = event.detail;
    const from = ctx && ctx.sourceElement;
    if (from && from.matches('a[href]')) location.assign(from.href);
  });

  // ---- A refused form: to the message above it, or else to the first box that is wrong.
  on('DOMContentLoaded', () => {
    const banner = find('main #banner[role=alert]');
    if (banner) { banner.tabIndex = -1; banner.focus(); return; }
    const box = find('main [aria-invalid=true]');
    if (box) (find('input', box) || box).focus();
  });
})();
