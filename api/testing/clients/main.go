// Command godo drives the dedicated inference API with DigitalOcean's Go library, one operation a call:
// godo OPERATION [ARGUMENT...]. It prints what the library decoded as JSON, or the error, and exits 1.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"

	"github.com/digitalocean/godo"
)

func main() {
	client := godo.NewFromToken(os.Getenv("DIGITALOCEAN_ACCESS_TOKEN"))
	base, err := url.Parse(os.Getenv("DIGITALOCEAN_API_URL") + "/")
	var result any
	if err == nil {
		client.BaseURL = base
		result, err = run(client.DedicatedInference, os.Args[1], os.Args[2:])
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(service godo.DedicatedInferenceService, operation string, args []string) (any, error) {
	ctx := context.Background()
	page := godo.ListOptions{Page: 1, PerPage: 200}
	switch operation {
	case "create", "update":
		request := new(godo.DedicatedInferenceCreateRequest)
		if err := json.Unmarshal([]byte(args[len(args)-1]), request); err != nil {
			return nil, err
		}
		if operation == "create" {
			inference, token, _, err := service.Create(ctx, request)
			return map[string]any{"inference": inference, "token": token}, err
		}
		update := &godo.DedicatedInferenceUpdateRequest{Spec: request.Spec, Secrets: request.Secrets}
		inference, _, err := service.Update(ctx, args[0], update)
		return inference, err
	case "get":
		inference, _, err := service.Get(ctx, args[0])
		return inference, err
	case "list":
		list, _, err := service.List(ctx, &godo.DedicatedInferenceListOptions{Name: args[0], ListOptions: page})
		return list, err
	case "delete":
		_, err := service.Delete(ctx, args[0])
		return nil, err
	case "accelerators":
		options := &godo.DedicatedInferenceListAcceleratorsOptions{Slug: args[1], ListOptions: page}
		list, _, err := service.ListAccelerators(ctx, args[0], options)
		return list, err
	case "tokens":
		list, _, err := service.ListTokens(ctx, args[0], &page)
		return list, err
	case "create-token":
		token, _, err := service.CreateToken(ctx, args[0], &godo.DedicatedInferenceTokenCreateRequest{Name: args[1]})
		return token, err
	case "revoke-token":
		_, err := service.RevokeToken(ctx, args[0], args[1])
		return nil, err
	case "sizes":
		sizes, _, err := service.GetSizes(ctx)
		return sizes, err
	case "gpu-model-config":
		configs, _, err := service.GetGPUModelConfig(ctx)
		return configs, err
	}
	return nil, fmt.Errorf("unknown operation %s", operation)
}
