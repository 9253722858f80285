package cloudapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// cloud stands in for Huawei Cloud in the examples.
func cloud(status int, answer string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
}

func ExampleClient() {
	server := cloud(200, `{"job_id":"e0fbbfc8-1ac4-4721-b9e9-7dd685c5bdd7"}`)
	defer server.Close()

	client := &cloudapi.Client{
		GaussDB: server.URL, // for real: cloudapi.Endpoints("ap-southeast-3")
		Auth:    &cloudapi.AKSK{AccessKey: "access key", SecretKey: "secret key"},
	}
	jobID, err := client.SwitchProxySSL(context.Background(), cloudapi.Proxy{
		ProjectID:  "056538411200d4cd2f79c003c7606412",
		InstanceID: "096c0fc43e804757b59946b80dc27f8bin07",
		ProxyID:    "2ec617ba62da4eafb921b69438beed3cpo01",
	}, true)
	fmt.Println(jobID, err)
	// Output: e0fbbfc8-1ac4-4721-b9e9-7dd685c5bdd7 <nil>
}

func ExampleError() {
	server := cloud(409, `{"error_code":"DBS.200019","error_msg":"Another operation is being performed."}`)
	defer server.Close()

	client := &cloudapi.Client{GaussDB: server.URL, Auth: cloudapi.Token("MIIF...")}
	_, err := client.SwitchMultiTenancy(context.Background(), cloudapi.Instance{ProjectID: "p", InstanceID: "i"}, true)
	if e := (*cloudapi.Error)(nil); errors.As(err, &e) {
		fmt.Println(e)
		fmt.Println("busy:", e.Busy(), "may have taken effect:", e.MayHaveEffect())
	}
	// Output:
	// UpdateMultiTenant: 409: DBS.200019: Another operation is being performed.
	// busy: true may have taken effect: false
}

func ExampleEndpoints() {
	endpoints, err := cloudapi.Endpoints("tr-west-1")
	fmt.Println(endpoints.GaussDB, err)
	// Output: https://gaussdbformysql.tr-west-1.myhuaweicloud.com <nil>
}
