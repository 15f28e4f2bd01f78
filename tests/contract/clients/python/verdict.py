"""What a refused call must say."""
import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

DOMAIN = "soundalike"
SECONDS = 20


class Check:
    """Counts the refusals that are as expected, and tells of the others."""

    def __init__(self):
        self.passed, self.failed, self.met = 0, [], set()

    def fail(self, text):
        self.failed.append(text)
        print(f"  FAILED: {text}")

    def refused(self, reason, code, call, field=None, facts=(), retry=False):
        """`call` must be refused with this code, reason and field path, and tell these facts."""
        try:
            call()
        except grpc.RpcError as error:
            said = rpc_status.from_call(error)
            details = [] if said is None else said.details
            infos, bad, advice = [], [], []
            for detail in details:
                for kind, into in ((error_details_pb2.ErrorInfo, infos),
                                   (error_details_pb2.BadRequest, bad),
                                   (error_details_pb2.RetryInfo, advice)):
                    if detail.Is(kind.DESCRIPTOR):
                        message = kind()
                        detail.Unpack(message)
                        into.append(message)
            fields = [one.field for request in bad for one in request.field_violations]
            wanted = [] if field is None else [field]
            got = (error.code().name, [(info.reason, info.domain) for info in infos], fields)
            if got != (code, [(reason, DOMAIN)], wanted):
                self.fail(f"{reason}: got {got}, expected {code} {wanted}: {error.details()}")
                return
            missing = [fact for fact in facts if fact not in infos[0].metadata]
            if missing:
                self.fail(f"{reason}: no {missing} in {dict(infos[0].metadata)}")
                return
            if retry and not (advice and advice[0].retry_delay.ToTimedelta().total_seconds() > 0):
                self.fail(f"{reason}: no advice when to come back")
                return
            self.passed += 1
            self.met.add(reason)
        else:
            self.fail(f"{reason}: the call succeeded")
