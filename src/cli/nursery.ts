/**
 * Owns: how large the part of the heap grows that new objects go to. From Node 22 on V8 lets it grow
 * with the machine's memory; what holds large buffers then waits long for its collection, and a tick
 * over the widest rows takes 490 MB instead of 380 (I13). Objects are few and short-lived here: files
 * are read and written as fast with the size it begins with. Acts when it is imported.
 * llp/0010
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--semi-space-growth-factor=1');
