"""Services with SimpleIO: one declaration, whatever the format."""

from zato.server.service import CSV, UTC, AsIs, Boolean, Dict, Float, Integer, List, ListOfDicts, Service, Unicode


class Read(Service):
    """Answers with what it read and of which type."""

    class SimpleIO:
        request_elem = "order"
        response_elem = "receipt"
        input_required = ("symbol", "customer_id", "is_new", Integer("quantity"), Float("price"))
        input_optional = (
            "note", "page_size", "needs_receipt", CSV("tags"), List("lines"), ListOfDicts("parts"), Dict("address"),
            UTC("since"), AsIs("order_id"), Unicode("ref_id"), Boolean("paid"), Integer("copies", default=1),
        )  # fmt: skip
        output_required = ("seen",)

    def handle(self):
        read = self.request.input
        self.response.payload.seen = "; ".join(f"{name}={read[name]!r}" for name in sorted(read))


class Write(Service):
    """Answers with every type."""

    class SimpleIO:
        response_elem = "receipt"
        output_required = ("symbol", "customer_id", "is_new")
        output_optional = (CSV("tags"), List("lines"), ListOfDicts("parts"), Dict("address"), Float("price"), "missing")

    def handle(self):
        payload = self.response.payload
        payload.symbol = "GOOG & Söhne"
        payload.customer_id = "42"
        payload.is_new = "yes"
        payload.tags = ["a", "b"]
        payload.lines = ["x", "y"]
        payload.parts = [{"sku": "p"}, {"sku": "q"}]
        payload.address = {"city": "Köln"}
        payload.price = "1.50"
        payload.undeclared = "dropped"


class Many(Service):
    """Answers with as many items as it is asked for."""

    class SimpleIO:
        response_elem = "receipts"
        input_required = (Integer("many"),)
        output_required = ("id",)

    def handle(self):
        self.response.payload[:] = [{"id": number} for number in range(self.request.input.many)]
