/**
 * Many processes on one disk, in courses of chance: each seed is another one.
 * HYP_SEED: the first; HYP_COURSES: how many. llp/0013
 */
import { expect, test } from 'vitest';
import { playCourses } from '../support/course.ts';

const SEED = Number(process.env['HYP_SEED'] ?? 1);
const COURSES = Number(process.env['HYP_COURSES'] ?? 40);

test('no course of pauses, kills, faults and power failures loses a row or doubles one', async () => {
  const sum = await playCourses(SEED, COURSES);
  expect(sum.rows).toBeGreaterThan(10 * COURSES);
  expect(sum.turns).toBeGreaterThan(50 * COURSES);
  expect(Math.min(sum.kills, sum.faults)).toBeGreaterThan(COURSES / 2);
  expect(sum.powerFailures).toBeGreaterThan(COURSES / 10);
});
