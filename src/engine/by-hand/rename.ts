/**
 * Owns: `hyp sink rename`: a registered sink gets another name, as one version of the registry
 * (state/registry-rename), and what hyp.yaml has to say for it.
 *
 * | hyp.yaml | meaning |
 * | old name | nothing is sent until it says the new one: `edit` |
 * | new name, same destination | it goes on |
 * | new name, another destination | refused: that is another sink, or a move |
 * | both | refused: two sinks at one destination, or two sinks |
 * | neither | it goes on once it is configured |
 * llp/0022
 */
import { HypError } from '../../core/errors.ts';
import { instanceOf, openRegistry, registryEntry } from '../../../state/registry.ts';
import { renameSink } from '../../../state/registry-rename.ts';
import type { EngineContext } from '../context.ts';
import type { Exporters } from '../export/exporters.ts';
import type { RenameReport, RenameRequest } from './report.ts';

/** Renames one sink. Throws as `ByHand.rename` says. */
export async function renameOneSink(
  context: EngineContext,
  exporters: Exporters,
  { sink: from, to }: RenameRequest,
): Promise<RenameReport> {
  const configured = await exporters.all();
  const [old, next] = [from, to].map((name) => configured.find(({ sink }) => sink.name === name));
  const registry = openRegistry(context.fs, context.state, context.random);
  const entry = await registryEntry(registry, from);
  if (entry !== undefined && next !== undefined) {
    const there = next.sink.destination;
    if (there !== entry.destination) {
      throw new HypError(
        'E_REFUSED',
        `sink ${from} is registered for ${entry.destination}, hyp.yaml says ${to} for ${there}`,
        { hint: `Nothing was changed. Give ${to} the path of ${from}, or choose another name.` },
      );
    }
    if (old !== undefined && old !== next) {
      throw new HypError('E_REFUSED', `hyp.yaml has both ${from} and ${to}`, {
        hint: `Nothing was changed. Take ${from} out of hyp.yaml first: it is the same sink.`,
      });
    }
  }
  const { changed, sink } = await renameSink(registry, from, to);
  const instance = instanceOf(sink);
  if (changed) {
    const facts = { sink: to, from, instance };
    context.observe({ type: 'decision', action: 'sink renamed', level: 'info', facts });
  }
  const configuredAs = next !== undefined ? 'new' : old !== undefined ? 'old' : 'neither';
  return { changed, instance, configuredAs };
}
