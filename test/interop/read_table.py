"""What other programs see of a table: prints one JSON value. llp/0013

rows METADATA [FILTER]   rows by PyIceberg, in the order of _hyp_seq
files METADATA           data files of the current snapshot by PyIceberg, bounds decoded
columns METADATA         name, id, type, required and doc of the current schema by PyIceberg
ids METADATA             names of all columns and parts of lists and structs, with their ids
rewrite METADATA OUT     reads metadata by PyIceberg and writes it again as PyIceberg does
write PARQUET COLUMNS    a Parquet file from [[name, id, type, [values]], ...] by pyarrow
avro FILE                header keys and records of an Avro file by fastavro
"""

import base64
import datetime
import decimal
import json
import sys


def plain(value):
    if isinstance(value, datetime.datetime):
        micros = (value - datetime.datetime.fromtimestamp(0, datetime.timezone.utc)) // (
            datetime.timedelta(microseconds=1)
        )
        return {"us": str(micros)}
    if isinstance(value, datetime.date):
        return {"day": value.isoformat()}
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"int": str(value)} if abs(value) > 2**53 else value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def table_of(metadata):
    from pyiceberg.table import StaticTable

    return StaticTable.from_metadata(metadata)


def rows(metadata, row_filter=None):
    table = table_of(metadata)
    scan = table.scan(row_filter=row_filter) if row_filter else table.scan()
    return sorted(scan.to_arrow().to_pylist(), key=lambda row: row["_hyp_seq"])


def files(metadata):
    table = table_of(metadata)
    wanted = ("file_path", "record_count", "file_size_in_bytes", "split_offsets", "readable_metrics")
    found = table.inspect.files().to_pylist()
    return [{name: file[name] for name in wanted} for file in found]


def columns(metadata):
    return [
        [field.name, field.field_id, str(field.field_type), field.required, field.doc]
        for field in table_of(metadata).schema().fields
    ]


def ids(metadata):
    schema = table_of(metadata).schema()
    numbers = range(1, schema.highest_field_id + 1)
    return [[number, schema.find_column_name(number)] for number in numbers]


def rewrite(metadata, out):
    table = table_of(metadata)
    with open(out, "w") as file:
        file.write(table.metadata.model_dump_json())
    return True


def write(path, columns_json):
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "boolean": pa.bool_(),
        "long": pa.int64(),
        "double": pa.float64(),
        "string": pa.string(),
        "timestamptz": pa.timestamp("us", tz="UTC"),
    }
    fields, arrays = [], []
    for name, field_id, type_name, values in json.loads(columns_json):
        id_of_field = {"PARQUET:field_id": str(field_id)}
        fields.append(pa.field(name, types[type_name], metadata=id_of_field))
        arrays.append(pa.array(values, types[type_name]))
    pq.write_table(pa.table(arrays, schema=pa.schema(fields)), path)
    return len(arrays[0])


def avro(path):
    import fastavro

    with open(path, "rb") as file:
        reader = fastavro.reader(file)
        records = list(reader)
        return {"metadata": reader.metadata, "schema": reader.writer_schema, "records": records}


if __name__ == "__main__":
    known = (rows, files, columns, ids, rewrite, write, avro)
    command = {function.__name__: function for function in known}[sys.argv[1]]
    print(json.dumps(plain(command(*sys.argv[2:]))))
