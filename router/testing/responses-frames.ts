/** Events of a stream of `/v1/responses`, as vLLM sends them: the type last, and in the event's name. */
export function responseEvents(id: string) {
  let sequence = 0;
  const event = (type: string, members: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ ...members, sequence_number: sequence++, type })}\n\n`;
  const response = (status: string, more: object = {}) => ({
    response: { id, created_at: 1, object: 'response', model: 'm', status, error: null, output: [], ...more },
  });
  const usage = (input: number, output: number, cached = 0) => ({
    input_tokens: input,
    output_tokens: output,
    total_tokens: input + output,
    input_tokens_details: { cached_tokens: cached },
    output_tokens_details: { reasoning_tokens: 0 },
  });
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] };
  const part = { type: 'output_text', text: '', annotations: [] };
  return {
    head: () =>
      event('response.created', response('in_progress')) + event('response.in_progress', response('in_progress')),
    item: (item: object = message) => event('response.output_item.added', { output_index: 0, item }),
    part: () => event('response.content_part.added', { ...at, part }),
    text: (delta: string) => event('response.output_text.delta', { ...at, delta, logprobs: [] }),
    done: (whole: string) => {
      const content = [{ ...part, text: whole }];
      return event('response.output_item.done', {
        output_index: 0,
        item: { ...message, status: 'completed', content },
      });
    },
    reasoning: (delta: string) => event('response.reasoning_text.delta', { ...at, delta }),
    call: (delta: string) =>
      event('response.function_call_arguments.delta', { item_id: 'fc_1', output_index: 0, delta }),
    completed: (input = 20, output = 2, cached = 0) =>
      event('response.completed', response('completed', { usage: usage(input, output, cached) })),
    incomplete: () =>
      event(
        'response.incomplete',
        response('incomplete', { incomplete_details: { reason: 'max_output_tokens' }, usage: usage(20, 2) }),
      ),
    failed: (error: object = { code: 'server_error', message: 'out of memory' }) =>
      event('response.failed', response('failed', { error })),
  };
}
