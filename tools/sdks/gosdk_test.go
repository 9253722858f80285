package sdks

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	dbss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/dbss/v1"
	gaussdb "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/gaussdb/v3"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// goSDK calls by the names of the clients' methods.
func goSDK(t *testing.T, url string, c cloudsim.Credentials) sdk {
	t.Setenv("HOME", t.TempDir()) // it writes a file there
	key, err := basic.NewCredentialsBuilder().WithAk(c.AccessKey).WithSk(c.SecretKey).WithSecurityToken(c.SecurityToken).
		WithProjectId(project).SafeBuild()
	require.NoError(t, err)
	g, err := gaussdb.GaussDBClientBuilder().WithEndpoints([]string{url}).WithCredential(key).SafeBuild()
	require.NoError(t, err)
	d, err := dbss.DbssClientBuilder().WithEndpoints([]string{url}).WithCredential(key).SafeBuild()
	require.NoError(t, err)
	clients := []reflect.Value{reflect.ValueOf(gaussdb.NewGaussDBClient(g)), reflect.ValueOf(dbss.NewDbssClient(d))}

	return func(t *testing.T, operation string, request members) (o outcome) {
		method := clients[0].MethodByName(operation)
		if !method.IsValid() {
			method = clients[1].MethodByName(operation)
		}
		require.True(t, method.IsValid(), operation)
		model := reflect.New(method.Type().In(0).Elem())
		recode(t, request, model.Interface())
		results := method.Call([]reflect.Value{model})
		err, _ := results[1].Interface().(error)
		var refused *sdkerr.ServiceResponseError
		switch {
		case err == nil:
			recode(t, results[0].Interface(), &o.Answer)
		case errors.As(err, &refused) && refused.StatusCode >= 400: // what it cannot read is one too, of 200
			o.Refused = &refusal{refused.StatusCode, refused.ErrorCode, refused.RequestId}
		default:
			o.Unread = err.Error()
		}
		return o
	}
}

func recode(t *testing.T, from, into any) {
	text, err := json.Marshal(from)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}
