package cloudapi

type Client struct{}
