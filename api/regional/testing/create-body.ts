/** A create's body. */
export function createBody(name: string, spec: Record<string, unknown> = {}): { spec: Record<string, unknown> } {
  return {
    spec: {
      name,
      region: 'atl1',
      enable_public_endpoint: true,
      vpc: null,
      model_deployments: [
        {
          model_slug: 'mistral/mistral-7b-instruct-v3',
          model_provider: 'hugging_face',
          provider_model_id: 'mistralai/Mistral-7B-Instruct-v0.3',
          workload_config: {},
          accelerators: [{ scale: 2, type: 'prefill_decode', accelerator_slug: 'gpu-mi300x1-192gb' }],
        },
      ],
      ...spec,
    },
  };
}
