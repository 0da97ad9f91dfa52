"use strict";
// Starts a job on Dagster's page and prints what was seen as JSON: node dev.js URL LOCATION.
const { chromium } = require("playwright-core");

const [url, location] = process.argv.slice(2);
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];

(async () => {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(180000);
  const elsewhere = [];
  page.on("request", (request) => { if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url)) elsewhere.push(request.url()); });
  await page.goto(`${url}/jobs`);
  await page.getByText("automated_pipeline_job").first().waitFor();
  const links = await page.locator("a[href*='/jobs/']").evaluateAll((all) => all.map((one) => one.href.split("/jobs/")[1]));
  const jobs = [...new Set(links.filter((name) => /^\w+$/.test(name)))];
  await page.goto(`${url}/locations/${location}/jobs/automated_pipeline_job/playground`);
  await page.getByRole("button", { name: "Launch Run" }).click();
  await page.waitForURL("**/runs/*");
  await page.getByText("RUN_SUCCESS").first().waitFor();
  const state = await page.getByText("Success", { exact: true }).first().textContent();
  await page.getByText("execution_time_seconds").first().waitFor();
  const told = await page.getByText("execution_time_seconds").first().textContent();
  await browser.close();
  console.log(JSON.stringify({ jobs, state, told, elsewhere }));
})().catch((error) => { console.error(error); process.exit(1); });
