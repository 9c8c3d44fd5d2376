// SPDX-License-Identifier: Apache-2.0
// What is shown, as files: csv, ActivityNet json, SubRip and WebVTT.
const TmxExport = (() => {
  'use strict';
  const pad = (value, width) => String(value).padStart(width, '0');
  const stamp = (seconds, point) => {
    const ms = Math.max(Math.round(seconds * 1000), 0);
    return `${pad(Math.floor(ms / 3600000), 2)}:${pad(Math.floor(ms / 60000) % 60, 2)}:` +
      `${pad(Math.floor(ms / 1000) % 60, 2)}${point}${pad(ms % 1000, 3)}`;
  };
  // A line break or an arrow would end a cue.
  const cueText = item => item.label.split(/\s+/).join(' ').replaceAll('-->', '->') +
    (item.score === null ? '' : ` ${item.score.toFixed(2)}`);
  const cues = (items, point) => [...items].sort((a, b) => a.start - b.start).map(
    item => [`${stamp(item.start, point)} --> ${stamp(Math.max(item.end, item.start + 0.001), point)}`, cueText(item)]);
  const quote = value => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

  const writers = {
    csv: (video, items) => ['video,start,end,label,score', ...items.map(item => [
      quote(video), item.start, item.end, quote(item.label), item.score ?? ''].join(','))].join('\n') + '\n',
    json: (video, items) => JSON.stringify({ version: 'VERSION 1.3', results: { [video]: items.map(
      item => ({ label: item.label, score: item.score ?? 1, segment: [item.start, item.end] })) }, external_data: {} }),
    srt: (video, items) => cues(items, ',').map(([time, text], i) => `${i + 1}\n${time}\n${text}\n\n`).join(''),
    vtt: (video, items) => 'WEBVTT\n\n' + cues(items, '.').map(([time, text]) => `${time}\n${
      text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}\n\n`).join(''),
  };

  function save(format, video, items) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([writers[format](video, items)], { type: 'text/plain' }));
    link.download = `${video.replace(/[^\p{L}\p{N}_. -]/gu, '_')}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  return { writers, save };
})();
