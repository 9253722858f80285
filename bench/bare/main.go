// Command bare is the least that a Lambda function in Go can be.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(_ context.Context, event struct{ ID string }) (json.RawMessage, error) {
		return json.Marshal(map[string]string{"type": "dev.interlock.switch.completed.v1", "id": event.ID})
	})
}
