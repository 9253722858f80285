package policy

import (
	"context"
	"errors"

	"github.com/interlock-functions/interlock/internal/awsjson"
)

// FromSSM reads parameters of Systems Manager, for [Places]. The client is made
// when the first is read: without one, nothing of AWS need be configured.
//
// It takes the permission ssm:GetParameter, and kms:Decrypt for a SecureString
// under a key of one's own
// (docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html).
func FromSSM(client func() (*awsjson.Client, error)) func(context.Context, string) (string, error) {
	return func(ctx context.Context, name string) (string, error) {
		c, err := client()
		if err != nil {
			return "", err
		}
		var answer struct{ Parameter struct{ Value string } }
		err = c.Do(ctx, "GetParameter", map[string]any{"Name": name, "WithDecryption": true}, &answer)
		if err == nil && answer.Parameter.Value == "" {
			err = errors.New("the answer holds no value")
		}
		return answer.Parameter.Value, err
	}
}
