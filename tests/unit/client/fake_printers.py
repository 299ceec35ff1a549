"""The fake spooler's PrinterService and PortService."""

from __future__ import annotations

import hashlib

from chassis import errors
from printfabric.spooler.v1 import port_service_pb2 as portpb
from printfabric.spooler.v1 import printer_service_pb2 as ppb
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceServicer
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceServicer
from printfabric.types.v1 import port_pb2
from tests.unit.client.fake_memory import Memory, abort


class FakePrinterService(Memory, PrinterServiceServicer, PortServiceServicer):
    """Printers, ports, hosts and management sessions."""

    def CreatePrinter(self, request, context):
        self.enter("CreatePrinter", context)
        if request.printer_id in self.printers:
            abort(context, errors.PrinterExists(f"there is a printer {request.printer_id}"))
        printer = ppb.Printer()
        printer.CopyFrom(request.printer)
        printer.name, printer.state = f"printers/{request.printer_id}", ppb.PRINTER_STATE_IDLE
        self.printers[request.printer_id] = printer
        return ppb.CreatePrinterResponse(printer=printer)

    def GetPrinter(self, request, context):
        self.enter("GetPrinter", context)
        return ppb.GetPrinterResponse(printer=self.printer(request.name, context))

    def ListPrinters(self, request, context):
        self.enter("ListPrinters", context)
        return ppb.ListPrintersResponse(printers=[self.printers[name] for name in sorted(self.printers)])

    def UpdatePrinter(self, request, context):
        self.enter("UpdatePrinter", context)
        printer = self.printer(request.printer.name, context)
        for path in request.update_mask.paths:
            printer.ClearField(path)
            update = ppb.Printer()
            request.update_mask.MergeMessage(request.printer, update)
            printer.MergeFrom(update)
            break
        return ppb.UpdatePrinterResponse(printer=printer)

    def DeletePrinter(self, request, context):
        self.enter("DeletePrinter", context)
        self.printer(request.name, context)
        del self.printers[request.name.removeprefix("printers/")]
        return ppb.DeletePrinterResponse()

    def PausePrinter(self, request, context):
        self.enter("PausePrinter", context)
        printer = self.printer(request.name, context)
        printer.paused, printer.pause_reason = True, request.reason
        return ppb.PausePrinterResponse(printer=printer)

    def ResumePrinter(self, request, context):
        self.enter("ResumePrinter", context)
        printer = self.printer(request.name, context)
        printer.paused = False
        return ppb.ResumePrinterResponse(printer=printer)

    def PurgePrinter(self, request, context):
        self.enter("PurgePrinter", context)
        self.printer(request.name, context)
        return ppb.PurgePrinterResponse(canceled_jobs=3)

    def ListHosts(self, request, context):
        self.enter("ListHosts", context)
        return portpb.ListHostsResponse(hosts=self.hosts)

    def ListMonitors(self, request, context):
        self.enter("ListMonitors", context)
        self.mute_hosts, mute = max(0, self.mute_hosts - 1), self.mute_hosts > 0
        online = [one for one in self.hosts if one.state == portpb.HOST_STATE_ONLINE and not mute]
        return portpb.ListMonitorsResponse(hosts=[portpb.HostMonitors(host=one.name) for one in online])

    def ListPorts(self, request, context):
        self.enter("ListPorts", context)
        return portpb.ListPortsResponse(ports=self.ports.values())

    def GetPort(self, request, context):
        self.enter("GetPort", context)
        return portpb.GetPortResponse(port=self.port(request.name, context))

    def AddPort(self, request, context):
        self.enter("AddPort", context)
        host = request.parent.removeprefix("hosts/")
        name = f"{request.parent}/ports/{request.port_id}"
        port = port_pb2.Port(
            name=name,
            port=port_pb2.PortName(host=host, port=request.port_id),
            monitor=request.monitor,
            state=port_pb2.PORT_STATE_READY,
            settings_revision=hashlib.sha256(request.settings).hexdigest(),
        )
        if name.casefold() in self.ports:
            abort(context, errors.PortExists(f"there is a port {name}"))
        self.ports[name.casefold()] = port
        return portpb.AddPortResponse(port=port)

    def ConfigurePort(self, request, context):
        self.enter("ConfigurePort", context)
        port = self.port(request.name, context)
        if b"nonsense" in request.settings:
            abort(
                context, errors.InvalidSettings("the settings are wrong", fields=[("/baud", "is no number")])
            )
        revision = hashlib.sha256(request.settings).hexdigest()
        changed, port.settings_revision = port.settings_revision != revision, revision
        return portpb.ConfigurePortResponse(port=port, changed=changed)

    def DeletePort(self, request, context):
        self.enter("DeletePort", context)
        self.port(request.name, context)
        del self.ports[request.name.casefold()]
        return portpb.DeletePortResponse()

    def XcvOpen(self, request, context):
        self.enter("XcvOpen", context)
        return portpb.XcvOpenResponse(handle=b"open")

    def XcvData(self, request, context):
        self.enter("XcvData", context)
        answer = portpb.XcvDataResponse()
        answer.result.output_data = request.input_data
        answer.result.status = 0 if request.data_name == "GetConfigInfo" else 87
        return answer

    def XcvClose(self, request, context):
        self.enter("XcvClose", context)
        return portpb.XcvCloseResponse()
