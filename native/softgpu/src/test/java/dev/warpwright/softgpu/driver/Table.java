package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;

/** Lines of the conformance table about one area; the constructors of the subclasses write them. */
abstract class Table {
  private final List<Row> rows = new ArrayList<>();
  private String symbol = "";

  List<Row> rows() {
    return List.copyOf(rows);
  }

  /** The following lines are about this entry point. */
  final void on(String newSymbol) {
    symbol = newSymbol;
  }

  final void ok(String what, ToIntFunction<Machine> call) {
    ok(what, call, m -> {});
  }

  final void ok(String what, ToIntFunction<Machine> call, Consumer<Machine> check) {
    rows.add(new Row(symbol, what, CudaResult.SUCCESS, call, check));
  }

  final void fails(String what, CudaResult expected, ToIntFunction<Machine> call) {
    rows.add(new Row(symbol, what, expected, call, m -> {}));
  }
}
