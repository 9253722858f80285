"""moto's server, with two of its shortcomings mended from outside.

What a state machine calls gets its parameters by the names that boto3 has for
them: Step Functions writes StateMachineArn where the API has stateMachineArn,
and moto hands it over as it stands. And what an input transformer makes may
have a text for its member time: moto takes it for its own number.
"""

import json
import sys

import boto3
from moto.events.models import Rule
from moto.server import main
from moto.sqs import sqs_backends
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService


def normalise(self, parameters, boto_service_name=None, service_action_name=None):
    client = boto3.client(self._get_boto_service_name(boto_service_name), region_name="eu-central-1", aws_access_key_id="ak", aws_secret_access_key="sk")
    operation = client.meta.method_to_api_mapping[self._get_boto_service_action(service_action_name)]
    shape = client.meta.service_model.operation_model(operation).input_shape
    if shape is not None:
        self._to_boto_request(parameters, shape)


StateTaskService._normalise_parameters = normalise

send = Rule._send_to_sqs_queue


def send_to_sqs_queue(self, resource_id, event, group_id=None):
    if isinstance(event.get("time"), str):
        sqs_backends[self.account_id][self.region_name].send_message(queue_name=resource_id, message_body=json.dumps(event), group_id=group_id)
        return
    send(self, resource_id, event, group_id)


Rule._send_to_sqs_queue = send_to_sqs_queue

main(sys.argv[1:])
