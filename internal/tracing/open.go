package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// OpenTelemetry's variables that are read here; the rest, as those for headers,
// certificates, sampling and batches, its SDK reads itself.
const (
	disabled       = "OTEL_SDK_DISABLED"
	exporter       = "OTEL_TRACES_EXPORTER"
	endpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	protocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	tracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
)

// Open begins to send spans to where the environment says; where it says nothing there
// are no Traces. version is that of the program.
func Open(version string, now func() time.Time, log *slog.Logger) (*Traces, error) {
	switch name := os.Getenv(exporter); {
	case os.Getenv(disabled) == "true", name == "none", os.Getenv(tracesEndpoint)+os.Getenv(endpoint) == "":
		return nil, nil
	case name != "" && name != "otlp":
		return nil, fmt.Errorf("%s: found %q, expected otlp or none", exporter, name)
	}
	for _, name := range []string{tracesEndpoint, endpoint} {
		u, err := url.Parse(os.Getenv(name))
		if os.Getenv(name) != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			return nil, fmt.Errorf("%s: expected an absolute URL, as http://localhost:4318", name)
		}
	}
	if by := cmp.Or(os.Getenv(tracesProtocol), os.Getenv(protocol)); by != "" && by != "http/protobuf" {
		return nil, fmt.Errorf("%s: found %q, expected http/protobuf", protocol, by)
	}
	ctx := context.Background()
	export, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", endpoint, err)
	}
	// What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before.
	of, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "interlock"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err), export.Shutdown(ctx))
	}
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not sent", "error", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(export), sdktrace.WithResource(of))
	return &Traces{
		tracer: provider.Tracer("github.com/interlock-functions/interlock"), now: now, shutdown: provider.Shutdown,
	}, nil
}
