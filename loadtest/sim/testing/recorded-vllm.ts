/**
 * Bodies recorded from vLLM 0.32.0 (CPU build, a 4 M-parameter model served as "tiny", context 4096). Tests compare the
 * simulator's members and their order with these; values differ.
 */
export const recordedVllm = {
  roleFrame:
    '{"id":"chatcmpl-b058efb9af6a6fa6","object":"chat.completion.chunk","created":1795365348,"model":"tiny","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null,"prompt_text":null}',
  tokenFrame:
    '{"id":"chatcmpl-b058efb9af6a6fa6","object":"chat.completion.chunk","created":1795365348,"model":"tiny","choices":[{"index":0,"delta":{"content":"cum"},"logprobs":null,"finish_reason":null,"token_ids":null}]}',
  lastFrame:
    '{"id":"chatcmpl-b058efb9af6a6fa6","object":"chat.completion.chunk","created":1795365348,"model":"tiny","choices":[{"index":0,"delta":{"content":"cum"},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null}]}',
  usageFrame:
    '{"id":"chatcmpl-b058efb9af6a6fa6","object":"chat.completion.chunk","created":1795365348,"model":"tiny","choices":[],"usage":{"prompt_tokens":19,"total_tokens":23,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":0,"created_cache_tokens":0}},"system_fingerprint":"vllm-0.32.0-ea79592f"}',
  lastFrameWithoutUsage:
    '{"id":"chatcmpl-b7798b768d02cecd","object":"chat.completion.chunk","created":1795365348,"model":"tiny","choices":[{"index":0,"delta":{"content":"cum"},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null}],"system_fingerprint":"vllm-0.32.0-ea79592f"}',
  continuousTokenFrame:
    '{"id":"chatcmpl-8f3031af81ec0679","object":"chat.completion.chunk","created":1795365348,"model":"tiny","choices":[{"index":0,"delta":{"content":"cum"},"logprobs":null,"finish_reason":null,"token_ids":null}],"usage":{"prompt_tokens":19,"total_tokens":20,"completion_tokens":1,"completion_tokens_details":null}}',
  textTokenFrame:
    '{"id":"cmpl-8903a12205f5f1f2","object":"text_completion","created":1795365348,"model":"tiny","choices":[{"index":0,"text":"cum","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}',
  textLastFrame:
    '{"id":"cmpl-8903a12205f5f1f2","object":"text_completion","created":1795365348,"model":"tiny","choices":[{"index":0,"text":"cum","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_token_ids":null,"token_ids":null}],"system_fingerprint":"vllm-0.32.0-ea79592f"}',
  chat: '{"id":"chatcmpl-rid-1","object":"chat.completion","created":1795365348,"model":"tiny","choices":[{"index":0,"message":{"role":"assistant","content":"cumcumcumcum","refusal":null,"annotations":null,"audio":null,"function_call":null,"reasoning":null},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null,"routed_experts":null}],"service_tier":null,"system_fingerprint":"vllm-0.32.0-ea79592f","usage":{"prompt_tokens":19,"total_tokens":23,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":0,"created_cache_tokens":0,"multimodal_tokens":null},"completion_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}',
  text: '{"id":"cmpl-b97014155a04845d","object":"text_completion","created":1795362845,"model":"tiny","choices":[{"index":0,"text":"notnotnotnot","logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null,"prompt_logprobs":null,"prompt_token_ids":null,"routed_experts":null}],"service_tier":null,"system_fingerprint":"vllm-0.32.0-a67f6e64","usage":{"prompt_tokens":1,"total_tokens":5,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":0,"created_cache_tokens":null,"multimodal_tokens":null},"completion_tokens_details":null},"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}',
  message:
    '{"id":"chatcmpl-a95a3737eb8f59d8","type":"message","role":"assistant","content":[{"type":"text","text":"ature2001sc"}],"model":"tiny","stop_reason":"max_tokens","usage":{"input_tokens":11,"output_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}',
  messageStream: [
    '{"type":"message_start","message":{"id":"chatcmpl-8810e938d4f204f9","type":"message","role":"assistant","content":[],"model":"tiny","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":11,"output_tokens":0}}}',
    '{"type":"content_block_start","content_block":{"type":"text","text":""},"index":0}',
    '{"type":"content_block_delta","delta":{"type":"text_delta","text":"Con"},"index":0}',
    '{"type":"content_block_stop","index":0}',
    '{"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"input_tokens":11,"output_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}',
    '{"type":"message_stop"}',
  ],
  response:
    '{"id":"resp_bd8da32754758b5f","created_at":1795362844,"incomplete_details":{"reason":"max_output_tokens"},"instructions":null,"metadata":null,"model":"tiny","object":"response","output":[{"id":"msg_8ee4f819a5dbff8b","content":[{"annotations":[],"text":"mi yourINT charset","type":"output_text","logprobs":null}],"role":"assistant","status":"completed","type":"message","phase":null}],"parallel_tool_calls":true,"temperature":1.0,"tool_choice":"none","tools":[],"top_p":1.0,"background":false,"max_output_tokens":4,"max_tool_calls":null,"previous_response_id":null,"prompt":null,"reasoning":null,"service_tier":"auto","status":"incomplete","text":null,"top_logprobs":null,"truncation":"disabled","usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"input_tokens_per_turn":[],"cached_tokens_per_turn":[]},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":0,"tool_output_tokens":0,"output_tokens_per_turn":[],"tool_output_tokens_per_turn":[]},"total_tokens":15},"user":null,"presence_penalty":0.0,"frequency_penalty":0.0,"kv_transfer_params":null,"ec_transfer_params":null,"input_messages":null,"output_messages":null}',
  models:
    '{"object":"list","data":[{"id":"tiny","object":"model","created":1795365348,"owned_by":"vllm","root":"/models/tiny","parent":null,"max_model_len":4096,"permission":[{"id":"modelperm-a5ea5bd0cc0b25b7","object":"model_permission","created":1795365348,"allow_create_engine":false,"allow_sampling":true,"allow_logprobs":true,"allow_search_indices":false,"allow_view":true,"allow_fine_tuning":false,"organization":"*","group":null,"is_blocking":false}]}]}',
  unauthorized: '{"error":"Unauthorized"}',
  badJson:
    '{"error":{"message":"1 validation error:\\n  {\'type\': \'json_invalid\'}","type":"Bad Request","param":"body.17","code":400}}',
  missingMessages:
    '{"error":{"message":"1 validation error:\\n  {\'type\': \'missing\'}","type":"Bad Request","param":"body.messages","code":400}}',
  wrongContentType:
    '{"error":{"message":"1 validation error:\\n  Unsupported Media Type: Only \'application/json\' is allowed","type":"Bad Request","param":null,"code":400}}',
  unknownModel:
    '{"error":{"message":"The model `nope` does not exist. Valid aliases: tiny.","type":"NotFoundError","param":"model","code":404}}',
  tooLong:
    '{"error":{"message":"This model\'s maximum context length is 4096 tokens. However, your prompt contains at least 4097 input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=4097)","type":"BadRequestError","param":"input_tokens","code":400}}',
  maxTokensTooBig:
    '{"error":{"message":"max_tokens=9000 cannot be greater than max_model_len=4096. Please request fewer output tokens. (parameter=max_tokens, value=9000)","type":"BadRequestError","param":"max_tokens","code":400}}',
  badTemperature:
    '{"error":{"message":"temperature must be non-negative, got -3.0. (parameter=temperature, value=-3.0)","type":"BadRequestError","param":"temperature","code":400}}',
  overload:
    '{"error":{"message":"The engine is currently busy and cannot accept new requests. Please try again later or on a different instance.","type":"Service Unavailable","param":null,"code":503}}',
  unknownPath: '{"detail":"Not Found"}',
  wrongMethod: '{"detail":"Method Not Allowed"}',
  engineDeadFrame:
    'data: {"error": {"message": "EngineCore encountered an issue. See stack trace (above) for the root cause.", "type": "InternalServerError", "param": null, "code": 500}}',
} as const;
