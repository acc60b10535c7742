/**
 * Preloaded into a child: it goes on as the user of HYP_TEST_UID, once node has started, because
 * node itself may lie where that user cannot look. llp/0013
 */
const id = Number(process.env['HYP_TEST_UID']);
process.setgroups([]);
process.setgid(id);
process.setuid(id);
