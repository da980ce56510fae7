// Runs checks one after another, and says what became of each.

/** @type {{ name: string, run: (world: any) => Promise<void> }[]} */
export const checks = [];

/** Adds a check. Its name says what a person can do. */
export function check(name, run) {
  checks.push({ name, run });
}

/** Runs the checks whose names contain a text, and returns how many failed. */
export async function runChecks(world, filter) {
  let failed = 0;
  const chosen = checks.filter(({ name }) => name.includes(filter));
  for (const { name, run } of chosen) {
    const before = world.browser.faults.length;
    try {
      await run(world);
      const faults = world.browser.faults.slice(before);
      if (faults.length > 0) throw new Error(`the page did what it may not do:\n  ${faults.join("\n  ")}`);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${error instanceof Error ? error.stack : error}`);
      await world.browser.lastPicture(`failed-${failed}`);
    } finally {
      await world.browser.closePages();
    }
  }
  console.log(failed === 0 ? `console: ${chosen.length} checks passed` : `console: ${failed} of ${chosen.length} checks failed`);
  return failed;
}
