"use strict";
// Opens reports in one browser and prints what was seen as JSON: node browser.js FOLDER, with a folder of NAME.html.
const { chromium } = require("playwright-core");
const fs = require("fs");
const path = require("path");

const folder = process.argv[2];
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const seen = { axe: {}, console: [], requests: [], dialogs: [], version: null };
const url = (name) => `file://${path.join(folder, name)}.html`;

async function open(browser, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("console", (message) => seen.console.push(`${name}: ${message.text()}`));
  page.on("pageerror", (error) => seen.console.push(`${name}: ${error}`));
  page.on("dialog", (dialog) => { seen.dialogs.push(name); dialog.dismiss(); });
  page.on("request", (request) => { if (request.url().split("#")[0] !== url(name)) seen.requests.push(`${name}: ${request.url()}`); });
  await page.goto(url(name));
  return page;
}

async function accessible(browser, name) {
  const page = await open(browser, name);
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 400]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      const found = await page.evaluate(async (source) => {
        if (!window.axe) (0, eval)(source);
        document.querySelectorAll("details").forEach((one) => { one.open = true; });
        const run = await window.axe.run(document, { resultTypes: ["violations"] });
        const wide = document.documentElement.scrollWidth > window.innerWidth ? [`it is ${document.documentElement.scrollWidth} wide`] : [];
        return [...run.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ").slice(0, 300)}`), ...wide];
      }, axe).catch((error) => [String(error)]);
      seen.axe[`${name} ${colorScheme} ${width}`] = found;
    }
  }
  await page.context().close();
}

const focused = () => {
  const at = document.activeElement;
  const drawn = at.classList.contains("node") ? at.querySelector("rect") : at;
  const style = getComputedStyle(drawn);
  const visible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 || parseFloat(style.strokeWidth) >= 4;
  const drawnName = at.querySelector(".name");
  return { name: drawnName ? drawnName.textContent : at.getAttribute("aria-label") || at.textContent.slice(0, 40) || at.id, tag: at.tagName, visible, id: at.id };
};

async function keyboard(browser) {
  const page = await open(browser, "failed");
  const walk = [];
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press("Tab");
    walk.push(await page.evaluate(focused));
    if (walk.at(-1).tag === "BODY") break;
  }
  await page.evaluate(() => { document.activeElement.blur(); });
  await page.focus(".skip");
  await page.keyboard.press("Enter");
  const skipped = (await page.evaluate(focused)).id;
  await page.focus("#attempts-list tbody th a");
  await page.keyboard.press("ArrowDown");
  const below = (await page.evaluate(focused)).name;
  await page.keyboard.press("End");
  const end = (await page.evaluate(focused)).name;
  await page.keyboard.press("Enter");
  const target = await page.evaluate(() => document.querySelector(":target th").textContent);
  await page.focus(".graph a");
  await page.keyboard.press("ArrowRight");
  const right = (await page.evaluate(focused)).name;
  await page.keyboard.press("ArrowLeft");
  const left = (await page.evaluate(focused)).name;
  const before = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.focus("#theme");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  const after = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const theme = await page.textContent("#theme");
  await page.context().close();
  return { walk, skipped, below, end, target, right, left, before, after, theme };
}

async function printed(browser, name) {
  const page = await open(browser, name, { colorScheme: "dark" });
  const titles = await page.locator("h2").allTextContents();
  const pdf = (await page.pdf({ outline: true, tagged: true, format: "A4" })).toString("latin1");
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await page.setViewportSize({ width: 700, height: 1000 });
  const seenThere = await page.evaluate(() => ({
    hidden: [...document.querySelectorAll("section, details > :not(summary), pre, table")]
      .filter((one) => one.getBoundingClientRect().height === 0).map((one) => one.outerHTML.slice(0, 120)),
    cut: [...document.querySelectorAll("pre, .frame")]
      .filter((one) => one.scrollHeight > one.clientHeight + 2).map((one) => one.outerHTML.slice(0, 120)),
    width: document.documentElement.scrollWidth,
    paper: getComputedStyle(document.querySelector("section")).backgroundColor,
  }));
  const outline = [...pdf.matchAll(/\/Title \(((?:[^()\\]|\\.)*)\)/g)].map((match) => match[1]);
  await page.context().close();
  return { titles, outline, pages: (pdf.match(/\/Type \/Page\b/g) || []).length, ...seenThere };
}

async function quick(browser, name, list, text) {
  const times = [];
  let told = "";
  for (let turn = 0; turn < 3 && !(Math.min(...times) < 3); turn += 1) {
    const page = await browser.newPage();
    const begun = Date.now();
    await page.goto(url(name), { waitUntil: "commit" });
    await page.fill(`#${list}-find`, text);
    await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
    times.push((Date.now() - begun) / 1000);
    told = await page.textContent(`#${list}-list .count`);
    await page.close();
  }
  return { seconds: Math.min(...times), told };
}

async function filtered(browser) {
  const page = await open(browser, "crowd");
  const count = () => page.textContent("#attempts-list .count");
  const first = () => page.textContent("#attempts-list tbody th");
  const all = [await count(), await page.locator("#attempts-list tbody tr").count(), await first()];
  await page.click("#attempts-list .further");
  const further = [await count(), await first()];
  await page.selectOption("#attempts-state", "failed");
  const bad = [await count(), new Set(await page.locator("#attempts-list tbody .state").allTextContents()).size];
  await page.evaluate(() => { location.hash = "#t9999"; });
  await page.waitForSelector("#t9999");
  const revealed = await page.textContent("#t9999 th");
  await page.fill("#attempts-find", "nothing is called so");
  const none = await count();
  await page.context().close();
  return { all, further, bad, revealed, none };
}

async function scriptless(browser) {
  const page = await open(browser, "crowd", { javaScriptEnabled: false });
  const found = {
    tools: await page.locator(".tools:visible").count(),
    rows: await page.locator("#attempts-list tbody tr:visible").count(),
    note: await page.textContent("#attempts-list noscript"),
    theme: await page.locator("#theme:visible").count(),
  };
  await page.context().close();
  return found;
}

async function shaded(browser) {
  const page = await open(browser, "failed", { viewport: { width: 400, height: 900 } });
  const frame = page.locator(".picture");
  const names = () => frame.getAttribute("class");
  await page.waitForSelector(".picture.more-right");
  const before = await names();
  await frame.evaluate((one) => { one.scrollLeft = one.scrollWidth; });
  await page.waitForSelector(".picture:not(.more-right)");
  const after = await names();
  await page.setViewportSize({ width: 1280, height: 900 });
  const room = await page.evaluate(() => { const one = document.querySelector(".picture"); return one.scrollWidth - one.clientWidth; });
  await page.context().close();
  return { before, after, room };
}

async function unharmed(browser) {
  const page = await open(browser, "hostile");
  await page.fill("#task-find", "onerror=owned");
  const found = await page.evaluate(() => ({
    owned: typeof window.owned, images: document.images.length, scripts: document.querySelectorAll("body script:not([type])").length,
    title: document.querySelector("h1").textContent, told: document.querySelector("#task-list .count").textContent,
    name: document.querySelector("#task-list tbody th").textContent,
    log: document.querySelector("#logs pre").textContent.slice(-160),
  }));
  await page.context().close();
  return found;
}

(async () => {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS });
  seen.version = browser.version();
  for (const name of ["good", "failed", "days", "empty"]) await accessible(browser, name);
  seen.keyboard = await keyboard(browser);
  seen.printed = { failed: await printed(browser, "failed"), days: await printed(browser, "days") };
  seen.crowd = await quick(browser, "crowd", "attempts", "part_04");
  seen.runs = await quick(browser, "runs", "run", "failed");
  seen.filtered = await filtered(browser);
  seen.scriptless = await scriptless(browser);
  seen.shaded = await shaded(browser);
  seen.unharmed = await unharmed(browser);
  await browser.close();
  console.log(JSON.stringify(seen));
})().catch((error) => { console.error(error); process.exit(1); });
