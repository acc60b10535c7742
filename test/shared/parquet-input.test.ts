/** Parquet files of other programs as input: read whole or refused, never crashed on. llp/0019 */
import { describe, expect, test } from 'vitest';
import { rowsOfParquet } from '../support/parquet-rows.ts';
import { realBytes, realNames } from './real-data.ts';

/** Rows each file has (the data's README), and one of them. */
const GOOD: Readonly<Record<string, readonly [number, string]>> = {
  'alltypes_dictionary.parquet': [
    2,
    '{"id":1,"bool_col":false,"tinyint_col":1,"smallint_col":1,"int_col":1,"bigint_col":10,"float_col":1.100000023841858,"double_col":10.1,"date_string_col":"MDEvMDEvMDk=","string_col":"MQ==","timestamp_col":"2009-01-01T00:01:00.000000"}',
  ],
  'alltypes_plain.parquet': [
    8,
    '{"id":5,"bool_col":false,"tinyint_col":1,"smallint_col":1,"int_col":1,"bigint_col":10,"float_col":1.100000023841858,"double_col":10.1,"date_string_col":"MDMvMDEvMDk=","string_col":"MQ==","timestamp_col":"2009-03-01T00:01:00.000000"}',
  ],
  'alltypes_plain.snappy.parquet': [
    2,
    '{"id":6,"bool_col":true,"tinyint_col":0,"smallint_col":0,"int_col":0,"bigint_col":0,"float_col":0,"double_col":0,"date_string_col":"MDQvMDEvMDk=","string_col":"MA==","timestamp_col":"2009-04-01T00:00:00.000000"}',
  ],
  'data_index_bloom_encoding_stats.parquet': [14, '{"String":"This is"}'],
  'datapage_v2.snappy.parquet': [5, '{"a":"abc","b":1,"c":2,"d":true,"e":[1,2,3]}'],
  'list_columns.parquet': [3, '{"int64_list":[4],"utf8_list":["efg",null,"hij","xyz"]}'],
  'nested_lists.snappy.parquet': [3, '{"a":[[["a","b"],["c","d"],["e"]],[null,["f"]]],"b":1}'],
  'nested_maps.snappy.parquet': [
    6,
    '{"a":{"a":[{"key":1,"value":true},{"key":2,"value":false}]},"b":1,"c":1}',
  ],
  'nullable.impala.parquet': [
    7,
    '{"id":3,"int_array":[],"int_array_Array":[null],"int_map":{},"int_Map_Array":[null,null],"nested_struct":{"A":null,"b":null,"C":{"d":[]},"g":{}}}',
  ],
  'nulls.snappy.parquet': [8, '{"b_struct":{"b_c_int":null}}'],
};

/** Its only fault is an index page of no width, which can mean one thing only. */
const TOLERATED = 'ARROW-GH-43605.parquet';

describe('Parquet input', () => {
  test('every file of the set is told what it should give', () => {
    expect(realNames('parquet/good')).toEqual(Object.keys(GOOD).sort());
    expect(realNames('parquet/bad').length).toBeGreaterThan(5);
  });

  test.each(Object.entries(GOOD))('%s is read whole', async (name, [rows, line]) => {
    const read = await rowsOfParquet(realBytes(`parquet/good/${name}`));
    expect(read.lines).toHaveLength(rows);
    expect(read.lines).toContain(line);
    expect(read.rejects).toEqual([]);
  });

  test.each(realNames('parquet/bad'))('%s invents nothing', async (name) => {
    const reading = rowsOfParquet(realBytes(`parquet/bad/${name}`));
    if (name === TOLERATED) expect((await reading).lines).toHaveLength(21_186);
    else await expect(reading).rejects.toMatchObject({ code: 'E_BAD_INPUT' });
  });
});
