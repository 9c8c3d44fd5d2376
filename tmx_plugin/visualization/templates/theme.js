// SPDX-License-Identifier: Apache-2.0
// Light or dark: as the system says until the button is pressed.
(() => {
  'use strict';
  const root = document.documentElement;
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const set = dark => {
    root.dataset.theme = dark ? 'dark' : 'light';
    document.dispatchEvent(new Event('themechange'));
  };
  set(system.matches);
  system.addEventListener('change', event => set(event.matches));
  document.getElementById('theme').addEventListener('click', () => set(root.dataset.theme !== 'dark'));
})();
