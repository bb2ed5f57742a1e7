/**
 * Runs all tests, handing further arguments on to vitest, and ends with one plain line: `N passed, N failed`, with
 * `, N skipped` when any were. The exit code is vitest's.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type VitestReport, summaryLine } from './test/summary.ts';
import { root, toolEnvironment } from './tool.ts';

function runVitest(reportFile: string): Promise<number> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const child = spawn('vitest', ['run', ...reporters, ...process.argv.slice(2)], {
    cwd: root,
    env: toolEnvironment(),
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch {
    // Vitest ended before it could write one.
    return undefined;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'kubervisor-test-'));
try {
  const reportFile = join(folder, 'report.json');
  process.exitCode = await runVitest(reportFile);
  console.log(summaryLine(readReport(reportFile), process.exitCode));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
