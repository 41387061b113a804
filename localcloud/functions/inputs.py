"""What input bindings read before a function runs; a blob that is not there is no value, as in Azure.

https://github.com/Azure/azure-functions-python-library/pull/67
"""

from collections.abc import Mapping

from localcloud.functions.bindings import BlobInput, Function
from localcloud.functions.expressions import Filling
from localcloud.functions.protos import TypedData
from localcloud.functions.storage import Storage


async def read_inputs(storage: Storage, function: Function, filling: Filling) -> Mapping[str, TypedData]:
    """Return the value of every input binding; InvalidSetting when a path cannot be filled in."""
    return {each.parameter: await _read(storage, each, filling) for each in function.inputs}


async def _read(storage: Storage, blob: BlobInput, filling: Filling) -> TypedData:
    content = await storage.read_blob(filling.fill(blob.path))
    if content is None:
        return TypedData()
    return TypedData(bytes=content) if blob.is_binary else TypedData(string=content.decode())
