// SPDX-License-Identifier: Apache-2.0
// Charts when they come into view, tables that sort and filter, and links into the player.
(() => {
  'use strict';
  const report = JSON.parse(document.getElementById('report-data').textContent);
  const charts = JSON.parse(document.getElementById('chart-data').textContent);
  const $ = id => document.getElementById(id);
  const drawn = new Set();

  // ---- charts
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  function themed(layout) {
    const axis = { gridcolor: color('--line'), zerolinecolor: color('--line'), linecolor: color('--soft') };
    return { ...layout, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', font: { color: color('--text'), family: 'system-ui, sans-serif', size: 12 },
      xaxis: { ...layout.xaxis, ...axis }, yaxis: { ...layout.yaxis, ...axis } };
  }
  const options = { responsive: true, displaylogo: false, displayModeBar: false };
  function draw(id) {
    const place = $(`chart-${id}`), figure = id === 'curves' ? curves() : charts[id];
    Plotly.react(place, figure.data, themed(figure.layout), options);
    drawn.add(id);
  }
  const plain = name => name.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  function curves() {
    const name = $('curve-class').value, curve = report.curves[name];
    const point = name ? report.operating_points.classes[name] : report.operating_points.overall;
    const line = (x, y, title, hue, axes = {}) => ({ type: 'scatter', mode: 'lines', x, y, name: title, line: { color: hue }, ...axes });
    const right = { xaxis: 'x2', yaxis: 'y2' }, data = [line(curve.recall, curve.precision, 'precision against recall', '#0072b2'),
      line(curve.threshold, curve.precision, 'precision', '#56b4e9', right), line(curve.threshold, curve.recall, 'recall', '#009e73', right),
      line(curve.threshold, curve.f1, 'F1', '#d55e00', right)];
    if (point) {
      const mark = (x, y, axes = {}) => ({ type: 'scatter', mode: 'markers', x: [x], y: [y], name: 'best F1', showlegend: false, marker: { size: 10, symbol: 'x', color: '#cc79a7' }, ...axes });
      data.push(mark(point.recall, point.precision), mark(point.threshold, point.f1, right));
    }
    $('curve-note').textContent = point ? `${name || 'All classes'}: at a score of ${point.threshold.toFixed(4)} or more, precision ${point.precision.toFixed(3)}, recall ${
      point.recall.toFixed(3)}, F1 ${point.f1.toFixed(3)}.` : `${plain(name)}: no prediction is right.`;
    const axis = (text, more) => ({ title: { text }, range: [0, 1.02], gridcolor: color('--line'), ...more });
    return { data, layout: { height: 360, margin: { l: 60, r: 15, t: 15, b: 50 }, legend: { orientation: 'h', y: -.25 },
      xaxis: axis('recall', { domain: [0, .45] }), yaxis: axis('precision'),
      xaxis2: axis('score', { domain: [.55, 1], range: null, autorange: true }), yaxis2: axis('', { anchor: 'x2' }) } };
  }
  const watcher = new IntersectionObserver(entries => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      draw(entry.target.id.slice(6));
    }
  }, { rootMargin: '300px' });
  for (const place of document.querySelectorAll('.chart')) watcher.observe(place);
  document.addEventListener('themechange', () => drawn.forEach(draw));

  // ---- tables
  function sort(table, column, button) {
    const head = button.closest('th'), down = head.getAttribute('aria-sort') !== 'descending';
    for (const other of table.querySelectorAll('th')) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const value = row => { const cell = row.cells[column], text = cell.dataset.value ?? cell.textContent; return text === '' ? null : isNaN(text) ? text : Number(text); };
    const order = (a, b) => typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
    const body = table.tBodies[0], rows = [...body.rows].map(row => [value(row), row]);
    rows.sort(([a], [b]) => a === null ? 1 : b === null ? -1 : down ? order(b, a) : order(a, b));
    body.append(...rows.map(([, row]) => row));
  }
  for (const table of document.querySelectorAll('table.sortable')) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement('button');
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => sort(table, column, button));
    });
  }
  for (const input of document.querySelectorAll('input[data-filter]')) {
    input.addEventListener('input', () => {
      const wanted = input.value.toLowerCase();
      for (const row of $(input.dataset.filter).tBodies[0].rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    });
  }
  const more = $('all-videos');
  more?.addEventListener('click', () => {
    for (const row of $('video-table').tBodies[0].rows) row.classList.remove('later');
    more.hidden = true;
  });

  // ---- player
  for (const button of document.querySelectorAll('button[data-video]')) {
    button.addEventListener('click', () => {
      if (!TmxPlayer.openNamed(button.dataset.video)) return;
      $('player').scrollIntoView();
      $('player').focus({ preventScroll: true });
    });
  }
  $('curve-class').add(new Option('all classes', ''));
  for (const item of report.classes) $('curve-class').add(new Option(item.name, item.name));
  $('curve-class').addEventListener('change', () => draw('curves'));
})();
