package cloudapi

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// EndpointSet holds the base URLs of one region.
type EndpointSet struct{ GaussDB, DBSS, IAM, EventGrid string }

// Endpoints returns the base URLs of a region. TaurusDB's host name is
// irregular, so only the regions of its page are known ("Before You Start",
// Endpoints); elsewhere each base URL must be given. The error of an unknown
// region lists the known ones. EventGrid is not in all of them.
func Endpoints(region string) (EndpointSet, error) {
	for _, group := range gaussDBRegions() {
		if !slices.Contains(group.regions, region) {
			continue
		}
		domain := "myhuaweicloud.com"
		if strings.HasPrefix(region, "eu-") {
			domain = "myhuaweicloud.eu"
		}
		host := func(service string) string { return "https://" + service + "." + region + "." + domain }
		return EndpointSet{GaussDB: host(group.service), DBSS: host("dbss"), IAM: host("iam"), EventGrid: host("eg")}, nil
	}
	return EndpointSet{}, fmt.Errorf("region: found %q, expected one of %s, or a base URL for each service",
		region, strings.Join(Regions(), ", "))
}

// Regions lists the regions that [Endpoints] knows, in order.
func Regions() []string {
	var all []string
	for _, group := range gaussDBRegions() {
		all = append(all, group.regions...)
	}
	slices.Sort(all)
	return all
}

type regionGroup struct {
	service string
	regions []string
}

func gaussDBRegions() []regionGroup {
	return []regionGroup{
		{"gaussdb", []string{"cn-north-4", "cn-north-9", "cn-north-2", "cn-east-3", "cn-south-1", "cn-south-4",
			"cn-southwest-2", "ap-southeast-3", "ap-southeast-4", "sa-brazil-1", "ru-northwest-2", "eu-west-101"}},
		{"gaussdbformysql", []string{"tr-west-1", "ap-southeast-1", "ap-southeast-2", "me-east-1", "cn-north-11"}},
		{"gaussdb-mysql", []string{"af-south-1", "cn-east-5", "la-north-2", "cn-southwest-3"}},
	}
}

// CheckEndpoint reports what is wrong with a base URL: it must be an absolute
// https URL without user, query or fragment. Plain http is taken for loopback
// addresses only, as credentials go over it. The error repeats neither a
// password nor a query.
func CheckEndpoint(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("found no URL, expected https://host")
	case u.User != nil:
		return errors.New("found a user name in the URL, expected none")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return errors.New("found a query or fragment in the URL, expected none")
	case u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("found %q, expected https://host", brief(raw, 100))
	case strings.HasSuffix(u.Path, "/"):
		return fmt.Errorf("found %q, expected no trailing slash", brief(raw, 100))
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("found %q, expected https: plain http is for loopback addresses only", brief(raw, 100))
	}
	return fmt.Errorf("found %q, expected https://host", brief(raw, 100))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
