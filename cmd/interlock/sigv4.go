package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

const awsHelp = `
A function URL of a stack takes what is signed as AWS has it: with --aws it is, by
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, for the region in
the URL, or else AWS_REGION. From a profile of the AWS CLI they come by
  eval "$(aws configure export-credentials --format env)"`

func awsFlag(c *cobra.Command, aws *bool) {
	c.Flags().BoolVar(aws, "aws", false, "sign requests for a function URL as AWS has it (SigV4)")
}

// onAWS tells the URL of a Lambda function: https://ID.lambda-url.REGION.on.aws
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html).
func onAWS(u *url.URL) bool { return strings.HasSuffix(u.Hostname(), ".on.aws") }

// signAWS signs a request for a function URL by SigV4
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).
func signAWS(req *http.Request, body []byte, getenv func(string) string, now time.Time) error {
	if err := cloudapi.CheckEndpoint(req.URL.Scheme + "://" + req.URL.Host); err != nil {
		return err // the session's token would be read on its way
	}
	region := cmp.Or(regionOf(req.URL), getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	if region == "" {
		return errors.New("AWS_REGION: not set, and the URL names no region; expected an AWS region")
	}
	credentials, err := awsjson.FromVariables(getenv)
	if err != nil {
		return fmt.Errorf("%w; expected credentials in the environment", err)
	}
	if req.URL.Path == "" {
		req.URL.Path = "/"
	}
	sum := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(req.Context(), credentials, req, hex.EncodeToString(sum[:]), "lambda", region, now)
}

// regionOf is the region in a function URL; "" if it is none.
func regionOf(u *url.URL) string {
	labels := strings.Split(u.Hostname(), ".")
	if onAWS(u) && len(labels) == 5 && labels[1] == "lambda-url" {
		return labels[2]
	}
	return ""
}
