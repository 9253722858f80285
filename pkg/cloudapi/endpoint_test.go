package cloudapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEndpoints(t *testing.T) {
	for region, gaussDB := range map[string]string{
		"cn-north-4":     "https://gaussdb.cn-north-4.myhuaweicloud.com",
		"ap-southeast-3": "https://gaussdb.ap-southeast-3.myhuaweicloud.com",
		"ap-southeast-1": "https://gaussdbformysql.ap-southeast-1.myhuaweicloud.com",
		"tr-west-1":      "https://gaussdbformysql.tr-west-1.myhuaweicloud.com",
		"af-south-1":     "https://gaussdb-mysql.af-south-1.myhuaweicloud.com",
		"eu-west-101":    "https://gaussdb.eu-west-101.myhuaweicloud.eu",
	} {
		got, err := Endpoints(region)
		require.NoError(t, err)
		require.Equal(t, gaussDB, got.GaussDB)
	}
	got, err := Endpoints("eu-west-101")
	require.NoError(t, err)
	require.Equal(t, "https://dbss.eu-west-101.myhuaweicloud.eu", got.DBSS)
	require.Equal(t, "https://iam.eu-west-101.myhuaweicloud.eu", got.IAM)
	require.Equal(t, "https://eg.eu-west-101.myhuaweicloud.eu", got.EventGrid)

	for _, region := range []string{"", "cn-north-44", "CN-NORTH-4", "eu-west-1/x"} {
		_, err := Endpoints(region)
		require.ErrorContains(t, err, "af-south-1, ap-southeast-1, ")
	}
	require.Len(t, Regions(), 21)
	for _, region := range Regions() {
		all, err := Endpoints(region)
		require.NoError(t, err)
		for _, base := range []string{all.GaussDB, all.DBSS, all.IAM, all.EventGrid} {
			require.NoError(t, CheckEndpoint(base))
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	for _, good := range []string{
		"https://gaussdb.cn-north-4.myhuaweicloud.com", "https://10.0.0.1:8443", "https://h/prefix",
		"http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:80", "http://localhost:1", "http://LOCALHOST",
	} {
		require.NoError(t, CheckEndpoint(good), good)
	}
	for bad, want := range map[string]string{
		"http://cloud.example.com":           "loopback",
		"http://10.0.0.1":                    "loopback",
		"http://127.0.0.1.example.com":       "loopback",
		"http://localhost.example.com":       "loopback",
		"http://0.0.0.0":                     "loopback",
		"":                                   "expected https://host",
		"gaussdb.example.com":                "expected https://host",
		"https://":                           "expected https://host",
		"https:gaussdb.example.com":          "expected https://host",
		"ftp://127.0.0.1":                    "expected https://host",
		"//h":                                "expected https://host",
		"https://h/":                         "trailing slash",
		"https://h?x=1":                      "query",
		"https://h?":                         "query",
		"https://h#x":                        "fragment",
		"https://h#":                         "fragment",
		"https://user:canary@h":              "user name",
		"https://h:port":                     "found no URL",
		"https://user:canary@h/%zz?k=canary": "found no URL",
	} {
		err := CheckEndpoint(bad)
		require.ErrorContains(t, err, want, bad)
		require.NotContains(t, err.Error(), "canary")
	}
}
