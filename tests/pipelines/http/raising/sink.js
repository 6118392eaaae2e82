import { Plan } from "wasm-sink";
import { Service } from "wasm-sink/http";

/** Posts all orders that it is given at once, and lets through what the service has against them. */
export default class Orders {
  api = Service.open("default");
  plan = new Plan()
    .metadata("offset")
    .column("order", { path: ["id"], type: "int64" })
    .column("amount", { type: "float64" });

  write(rows) {
    const orders = this.plan.apply(rows);
    const { offset, order, amount } = orders.columns();
    const json = order.map((number, row) => ({ id: `0-${offset[row]}`, order: number, amount: amount[row] }));
    this.api.post(orders, "orders", { json }).expectOk();
  }
}
