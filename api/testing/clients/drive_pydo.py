"""Drives the dedicated inference API with pydo: a line of input is a JSON list of an operation and its arguments.

For each it prints a line: what the library returns (pydo returns the body of a 404 instead of raising), or its error.
"""

import json
import os
import sys

from pydo import Client

client = Client(os.environ["DIGITALOCEAN_ACCESS_TOKEN"], endpoint=os.environ["DIGITALOCEAN_API_URL"])
api = client.dedicated_inferences
plain = {"enforce_https": False}
operations = {
    "create": lambda body: api.create(json.loads(body), **plain),
    "get": lambda id: api.get(id, **plain),
    "list": lambda name: api.list(per_page=200, **plain),
    "update": lambda id, body: api.patch(id, json.loads(body), **plain),
    "delete": lambda id: api.delete(id, **plain),
    "accelerators": lambda id, slug: api.list_accelerators(id, slug=slug or None, **plain),
    "accelerator": lambda id, accelerator: api.get_accelerator(id, accelerator, **plain),
    "ca": lambda id: api.get_ca(id, **plain),
    "tokens": lambda id: api.list_tokens(id, **plain),
    "create-token": lambda id, name: api.create_tokens(id, {"name": name}, **plain),
    "revoke-token": lambda id, token: api.delete_tokens(id, token, **plain),
    "sizes": lambda: api.list_sizes(**plain),
    "gpu-model-config": lambda: api.get_gpu_model_config(**plain),
}
for line in sys.stdin:
    operation, *arguments = json.loads(line)
    try:
        answer = {"shown": operations[operation](*arguments)}
    except Exception as error:  # pylint: disable=broad-except
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
