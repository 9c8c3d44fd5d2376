// SPDX-License-Identifier: Apache-2.0
// A video, or only its clock, above timelines of ground truth and predictions.
const TmxPlayer = (() => {
  'use strict';
  const data = JSON.parse(document.getElementById('player-data').textContent);
  const $ = id => document.getElementById(id);
  const video = $('video'), timeline = $('timeline'), inner = $('timeline-inner'), rows = $('rows');
  const STEPS = [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
  const LANE = window.matchMedia('(max-width: 640px)').matches ? 24 : 18, MAX_LANES = 8;
  const hasTruth = data.videos.some(item => item.gt.s.length);
  const state = { number: -1, time: 0, playing: false, until: null, zoom: 1, current: null,
    score: data.score, best: false, hidden: new Set(), items: [], clock: null, byVideo: false };

  const clockText = (seconds, digits = 1) => {
    const whole = Math.floor(seconds / 60), rest = (seconds - 60 * whole).toFixed(digits).padStart(digits ? 3 + digits : 2, '0');
    return whole < 60 ? `${whole}:${rest}` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}:${rest}`;
  };
  const now = () => data.videos[state.number];
  const limit = label => state.best ? data.thresholds[label] : state.score;

  // ---- segments: one object each, whether ground truth or prediction
  function collect(item) {
    const make = (table, truth) => table.s.map((start, i) => ({ start, end: table.e[i], labelIndex: table.l[i],
      label: data.classes[table.l[i]], truth, score: truth ? null : table.p[i], found: truth ? table.f[i] : null,
      kind: truth || !table.k ? null : table.k[i] }));
    return [...make(item.gt, true), ...make(item.det, false)].sort((a, b) => a.start - b.start);
  }
  const missed = item => item.truth && data.judged && !(item.found !== null && item.found >= limit(item.labelIndex));
  const alarm = item => item.kind !== null && item.kind !== 0;
  const visible = item => !state.hidden.has(item.labelIndex) && (item.truth || item.score >= limit(item.labelIndex));
  const shown = test => state.items.filter(item => visible(item) && test(item));

  // ---- time
  const time = () => state.byVideo ? video.currentTime : state.time;
  function seek(seconds, follow = true) {
    seconds = Math.min(Math.max(seconds, 0), now().duration);
    state.time = seconds;
    if (state.byVideo) video.currentTime = seconds;
    showTime(seconds, follow);
  }
  function showTime(seconds, follow) {
    $('clock').textContent = `${clockText(seconds)} / ${clockText(now().duration)}`;
    const share = seconds / now().duration;
    $('cursor').style.left = `calc(var(--label) + (100% - var(--label)) * ${share})`;
    if (!follow || state.zoom === 1) return;
    const x = labelWidth() + (inner.clientWidth - labelWidth()) * share - timeline.scrollLeft;
    if (x < labelWidth() || x > timeline.clientWidth - 10) timeline.scrollLeft += x - labelWidth() - 20;
  }
  const labelWidth = () => parseFloat(getComputedStyle(timeline).getPropertyValue('--label')) *
    parseFloat(getComputedStyle(document.documentElement).fontSize);
  function play(until = null) {
    state.until = until;
    state.playing = true;
    if (state.byVideo) video.play().catch(() => pause());
    state.clock = performance.now();
    $('play').textContent = 'Pause';
    requestAnimationFrame(tick);
  }
  function pause() {
    state.playing = false;
    state.until = null;
    if (state.byVideo && !video.paused) video.pause();
    $('play').textContent = 'Play';
  }
  function tick(stamp) {
    if (!state.playing) return;
    if (!state.byVideo) state.time += Math.max(stamp - state.clock, 0) / 1000;
    state.clock = stamp;
    const seconds = time(), end = state.until ?? now().duration;
    showTime(Math.min(seconds, now().duration), true);
    if (seconds >= end || (state.byVideo && video.ended)) pause(); else requestAnimationFrame(tick);
  }
  function choose(item, start = true) {
    state.current = item;
    const parts = [item.label, `${clockText(item.start, 2)} to ${clockText(item.end, 2)}`];
    if (item.truth) parts.push('ground truth' + (data.judged ? (missed(item) ? ', missed' : `, found at score ${item.found.toFixed(2)}`) : ''));
    else parts.push(`score ${item.score.toFixed(2)}` + (item.kind === null ? '' : `, ${data.kinds[item.kind]}`));
    $('selected').textContent = parts.join(' · ');
    for (const button of rows.querySelectorAll('.current')) button.classList.remove('current');
    item.button?.classList.add('current');
    item.button?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    seek(item.start);
    if (start) play(item.end);
  }
  function step(test, direction) {
    const items = shown(test), from = time();
    if (!items.length) return;
    const index = items.indexOf(state.current);
    let next = index >= 0 ? index + direction
      : direction > 0 ? items.findIndex(item => item.start >= from - 1e-6) : items.findLastIndex(item => item.start < from);
    if (next < 0) next = direction > 0 && index < 0 ? 0 : items.length - 1;
    pause();
    choose(items[next % items.length], false);
  }

  // ---- drawing
  function lanes(items) {
    const ends = [];
    for (const item of items) {
      let lane = ends.findIndex(end => end <= item.start + 1e-9);
      if (lane < 0) lane = Math.min(ends.length, MAX_LANES - 1);
      ends[lane] = item.end;
      item.lane = lane;
    }
    return ends.length;
  }
  function draw() {
    const duration = now().duration, groups = new Map();
    for (const item of state.items) item.button = null;
    for (const item of shown(() => true)) {
      if (!groups.has(item.labelIndex)) groups.set(item.labelIndex, []);
      groups.get(item.labelIndex).push(item);
    }
    const fragment = document.createDocumentFragment();
    for (const label of [...groups.keys()].sort((a, b) => a - b)) {
      const row = document.createElement('div'), name = document.createElement('b'), track = document.createElement('div');
      row.className = 'row';
      name.textContent = name.title = data.classes[label];
      track.className = 'track';
      const truth = groups.get(label).filter(item => item.truth), found = groups.get(label).filter(item => !item.truth);
      const truthLanes = lanes(truth), above = hasTruth ? Math.max(truthLanes, 1) : 0;
      const height = (above + Math.max(lanes(found), 1)) * LANE + 6;
      track.style.height = `${height}px`;
      for (const item of groups.get(label)) track.append(bar(item, duration, item.truth ? 0 : above));
      row.append(name, track);
      fragment.append(row);
    }
    rows.replaceChildren(fragment);
    summarize();
  }
  function bar(item, duration, above) {
    const button = document.createElement('button');
    button.className = 'seg ' + (item.truth ? (missed(item) ? 'missed' : 'truth') : item.kind === null ? '' : item.kind === 0 ? 'right' : 'wrong');
    button.style.left = `${100 * item.start / duration}%`;
    button.style.width = `${100 * (item.end - item.start) / duration}%`;
    button.style.top = `${3 + (above + item.lane) * LANE}px`;
    if (!item.truth) button.style.opacity = 0.45 + 0.55 * item.score / data.maxScore;
    button.title = `${item.label} ${clockText(item.start)} to ${clockText(item.end)}` +
      (item.truth ? ' (ground truth)' : ` score ${item.score.toFixed(2)}` + (item.kind === null ? '' : ` (${data.kinds[item.kind]})`));
    if (item === state.current) button.classList.add('current');
    button.addEventListener('click', () => choose(item));
    item.button = button;
    return button;
  }
  function summarize() {
    const found = shown(item => !item.truth).length, truth = shown(item => item.truth).length;
    $('shown').textContent = `${found} of ${now().det.s.length} predictions` + (hasTruth ? `, ${truth} of ${now().gt.s.length} ground truth segments` : '') +
      ' are shown' + (now().left_out ? `; ${now().left_out} of lower score are not in this page` : '') + '.';
    $('alarm-count').textContent = shown(alarm).length;
    $('miss-count').textContent = shown(missed).length;
    $('class-summary').textContent = state.hidden.size ? `${data.classes.length - state.hidden.size} of ${data.classes.length}` : 'all';
  }
  function drawRuler() {
    const track = inner.clientWidth - labelWidth(), duration = now().duration, perSecond = track / duration;
    const every = STEPS.find(value => value * perSecond >= 75) ?? 7200;
    const from = Math.max(timeline.scrollLeft - timeline.clientWidth, 0) / perSecond;
    const to = Math.min((timeline.scrollLeft + 2 * timeline.clientWidth) / perSecond, duration);
    const ticks = [];
    for (let i = Math.floor(from / every); i * every <= to; i++) {
      const mark = document.createElement('span');
      mark.style.left = `calc(var(--label) + (100% - var(--label)) * ${i * every / duration})`;
      mark.textContent = clockText(i * every, every < 1 ? 1 : 0);
      ticks.push(mark);
    }
    $('ruler').replaceChildren(...ticks);
  }
  function zoom(factor) {
    const seconds = time(), most = Math.max(16, now().duration * 100 / Math.max(timeline.clientWidth, 1));
    state.zoom = factor === 0 ? 1 : Math.min(Math.max(state.zoom * factor, 1), most);
    inner.style.width = `${100 * state.zoom}%`;
    const track = inner.clientWidth - labelWidth();
    timeline.scrollLeft = track * seconds / now().duration - (timeline.clientWidth - labelWidth()) / 2;
    drawRuler();
  }

  // ---- choosing videos, classes, scores
  function open(number) {
    pause();
    state.number = (number + data.videos.length) % data.videos.length;
    const item = now();
    Object.assign(state, { items: collect(item), current: null, time: 0, byVideo: Boolean(item.src) });
    $('video-select').value = state.number;
    $('selected').textContent = 'Click a segment to play it.';
    video.hidden = !item.src;
    $('video-note').textContent = item.src ? '' : 'There is no video: the timeline alone.';
    if (item.src) video.src = item.src; else video.removeAttribute('src');
    $('cursor').style.left = 'var(--label)';
    zoom(0);
    draw();
    showTime(0, false);
  }
  function openNamed(name) {
    const number = data.videos.findIndex(item => item.name === name);
    if (number >= 0) open(number);
    return number >= 0;
  }
  function setScore(value) {
    state.score = value;
    $('score').value = value;
    $('score-value').textContent = value.toFixed(2);
    draw();
  }
  const on = (id, action, event = 'click') => $(id).addEventListener(event, action);
  const items = () => shown(item => !item.truth || !data.videos.some(each => each.det.s.length));
  function boxes() {
    data.classes.forEach((name, i) => {
      const label = document.createElement('label'), box = document.createElement('input');
      Object.assign(box, { type: 'checkbox', checked: true, value: i });
      box.addEventListener('change', () => { state.hidden[box.checked ? 'delete' : 'add'](i); draw(); });
      label.append(box, ' ', name);
      $('class-boxes').append(label);
    });
  }
  function showClasses(all) {
    state.hidden = new Set(all ? [] : data.classes.keys());
    for (const box of $('class-boxes').querySelectorAll('input')) box.checked = all;
    draw();
  }
  function legend() {
    const entries = [...(hasTruth ? [['truth', 'ground truth']] : []), ...(data.judged ? [['missed', 'missed at this score'],
      ['right', `right at tIoU ${data.main_tiou}`], ['wrong', 'false alarm']] : data.videos.some(item => item.det.s.length) ? [['', 'prediction']] : [])];
    for (const [kind, text] of entries) {
      const entry = document.createElement('span'), mark = document.createElement('i');
      if (kind) mark.className = kind;
      entry.append(mark, text);
      $('legend').append(entry);
    }
  }
  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('select, input:not([type=checkbox]), textarea')) return;
    const actions = { ' ': () => state.playing ? pause() : play(), ArrowLeft: () => seek(time() - (event.shiftKey ? 10 : 1)),
      ArrowRight: () => seek(time() + (event.shiftKey ? 10 : 1)), n: () => step(alarm, 1), N: () => step(alarm, -1),
      m: () => step(missed, 1), M: () => step(missed, -1), '+': () => zoom(2), '=': () => zoom(2), '-': () => zoom(.5), 0: () => zoom(0),
      '[': () => open(state.number - 1), ']': () => open(state.number + 1) };
    const inPlayer = event.target === document.body || event.target.closest('#player');
    if (!inPlayer || !(event.key in actions) || (event.key === ' ' && event.target.closest('button:not(.seg), summary, input'))) return;
    event.preventDefault();
    actions[event.key]();
  }

  function mount() {
    data.videos.forEach((item, i) => $('video-select').add(new Option(item.name, i)));
    boxes();
    legend();
    $('best-label').hidden = !data.thresholds;
    $('step-truth').hidden = $('step-miss').hidden = !data.judged;
    $('score').max = data.maxScore;
    on('video-select', () => open(Number($('video-select').value)), 'change');
    on('prev-video', () => open(state.number - 1));
    on('next-video', () => open(state.number + 1));
    on('play', () => state.playing ? pause() : play());
    on('score', () => setScore(Number($('score').value)), 'input');
    on('best', () => { state.best = $('best').checked; $('score').disabled = state.best; draw(); }, 'change');
    on('prev-alarm', () => step(alarm, -1));
    on('next-alarm', () => step(alarm, 1));
    on('prev-miss', () => step(missed, -1));
    on('next-miss', () => step(missed, 1));
    on('zoom-in', () => zoom(2));
    on('zoom-out', () => zoom(.5));
    on('zoom-fit', () => zoom(0));
    on('all-classes', () => showClasses(true));
    on('no-classes', () => showClasses(false));
    for (const format of Object.keys(TmxExport.writers)) on(`save-${format}`, () => TmxExport.save(format, now().name, items()));
    on('timeline', drawRuler, 'scroll');
    on('ruler', event => {
      const box = inner.getBoundingClientRect();
      seek((event.clientX - box.left - labelWidth()) / (box.width - labelWidth()) * now().duration, false);
    });
    video.addEventListener('play', () => { if (!state.playing) play(); });
    video.addEventListener('pause', () => { if (state.playing) pause(); });
    video.addEventListener('seeked', () => showTime(video.currentTime, false));
    video.addEventListener('error', () => {
      if (!state.byVideo) return;
      Object.assign(state, { byVideo: false, time: 0 });
      video.hidden = true;
      $('video-note').textContent = `This browser cannot play ${now().src}: the timeline alone.`;
    });
    window.addEventListener('resize', () => drawRuler());
    document.addEventListener('keydown', keys);
    open(0);
    setScore(state.score);
  }
  if (data.videos.length) mount(); else $('player').hidden = true;
  return { openNamed, state, shown, time };
})();
