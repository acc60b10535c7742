/**
 * Preloaded into a command: writes the most memory it ever held, in KiB, to HYP_TEST_PEAK_FILE when
 * it ends. The kernel's mark of this program is asked first: that of getrusage begins with what
 * its parent held. llp/0013
 */
import { readFileSync, writeFileSync } from 'node:fs';

function peakKiB() {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}

const file = process.env.HYP_TEST_PEAK_FILE;
if (file !== undefined) process.on('exit', () => writeFileSync(file, String(peakKiB())));
