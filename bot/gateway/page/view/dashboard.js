// The last two weeks at a glance.

import { html } from "../vendor/lit-html/lit-html.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { cost, duration } from "../format.js";
import { bars } from "./chart.js";
import { paneButton } from "./frame.js";

export function dashboardView(desk) {
  const days = desk.stats?.days ?? [];
  return html`
    <main class="look">
      <header>${paneButton(desk, "left", "Show conversations", "☰")}<h1>Dashboard</h1></header>
      ${desk.stats ? html`${tiles(days)} ${charts(days)} ${table(days)}` : html`<p class="quietly" role="status">Reading …</p>`}
    </main>
  `;
}

const sum = (days, field) => days.reduce((total, day) => total + day[field], 0);

function tiles(days) {
  const over = sum(days, "succeeded") + sum(days, "failed");
  const runs = sum(days, "runs");
  const shown = [
    ["Runs", runs.toLocaleString()],
    ["Succeeded", over ? `${Math.round((100 * sum(days, "succeeded")) / over)} %` : "–"],
    ["Cost", cost(sum(days, "cost"))],
    ["At work", duration(sum(days, "ran"))],
    ["In line", duration(sum(days, "waited"))],
  ];
  return html`
    <p class="sub">The last ${days.length} days, by UTC.</p>
    <dl class="tiles">${shown.map(([name, value]) => html`<div class="card"><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  `;
}

const CHARTS = [
  { title: "Runs", series: [["succeeded", "good"], ["failed", "bad"], ["stopped", "calm"]] },
  { title: "Minutes", series: [["ran", "main"], ["waited", "calm"]], scale: 1 / 60, names: { ran: "at work", waited: "in line" } },
  { title: "Cost in $", series: [["cost", "main"]] },
];

const charts = (days) => html`
  <div class="cards wide-cards">${CHARTS.map((chart) => html`
    <section class="card" aria-label=${chart.title}>
      <header><h2>${chart.title}</h2>
        <p class="legend">${chart.series.map(([field, colour]) => html`<span><i class=${colour}></i>${chart.names?.[field] ?? field}</span>`)}</p></header>
      <div class="chart" aria-hidden="true" ${ref((element) => element && bars(element, chart, days))}></div>
    </section>`)}</div>
`;

/** The same in numbers, for whoever reads rather than looks. */
const table = (days) => html`
  <details class="card numbers">
    <summary>In numbers</summary>
    <div class="wide" tabindex="0" role="region" aria-label="Numbers by day">
      <table>
        <thead><tr>${["Day", "Runs", "Succeeded", "Failed", "Stopped", "At work", "In line", "Cost"].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
        <tbody>${[...days].reverse().map((day) => html`
          <tr><th scope="row">${day.day}</th><td>${day.runs}</td><td>${day.succeeded}</td><td>${day.failed}</td><td>${day.stopped}</td>
            <td>${duration(day.ran)}</td><td>${duration(day.waited)}</td><td>${cost(day.cost)}</td></tr>`)}</tbody>
      </table>
    </div>
  </details>
`;
