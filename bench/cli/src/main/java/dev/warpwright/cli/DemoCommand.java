package dev.warpwright.cli;

import dev.warpwright.Warpwright;
import dev.warpwright.cli.model.Calibration;
import dev.warpwright.cli.model.DecoderOptions;
import dev.warpwright.cli.model.Model;
import dev.warpwright.cli.model.WeightKind;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Support;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Shows on a real model what the kernels do. */
@Command(
    name = "demo",
    description = {
      "Run a real language model on real text, with dense and with sparse weights, and aggregate"
          + " many versions of its checkpoint.",
      "The model and the text are in the distribution; nothing is downloaded."
    })
final class DemoCommand implements Callable<Integer> {
  private static final int COPIES = 64;

  /** Windows and budget of the policies that are compared; {@code evict} compares more. */
  private static final int WINDOWS = 8;

  private static final int BUDGET = 64;

  /** Bytes of text behind those read that pruning may look at, at most, and per byte read. */
  private static final int CALIBRATION = 1 << 14;

  private static final double CALIBRATION_SHARE = 0.25;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BackendOptions backend = new BackendOptions();

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--bytes",
      paramLabel = "N",
      defaultValue = "65536",
      description = "How much of the text is read, by default ${DEFAULT-VALUE} bytes.")
  private int bytes;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "200",
      description = "How many tokens each model writes, by default ${DEFAULT-VALUE}.")
  private int tokens;

  @Option(names = "--json", paramLabel = "FILE", description = "Also write the results here.")
  private @Nullable Path json;

  /** Called by picocli. */
  DemoCommand() {}

  /** All results, as they are written with {@code --json}. */
  private record Report(
      String version,
      String java,
      String backend,
      String device,
      int threads,
      String model,
      DType kv,
      List<DecoderMeasurement.Row> decoders,
      List<EvictionComparison.Row> evictions,
      CheckpointAggregation.Result aggregation) {}

  @Override
  public Integer call() throws IOException {
    require(bytes >= 2, "--bytes is " + bytes + "; allowed: at least 2");
    DType kv = model.kv();
    require(tokens >= 2, "--tokens is " + tokens + "; allowed: at least 2");
    PrintWriter out = spec.commandLine().getOut();
    byte[] all = model.text();
    byte[] read = Arrays.copyOf(all, Math.min(bytes, all.length));
    int calibration = Math.min(CALIBRATION, (int) (read.length * CALIBRATION_SHARE));
    byte[] sample =
        Arrays.copyOfRange(all, read.length, Math.min(read.length + calibration, all.length));
    try (Warpwright ww = backend.open();
        Model opened = model.open()) {
      out.println("Backend: " + ww.diagnostics());
      out.println("Model:   " + opened.name());
      out.println();
      out.flush();
      boolean calibrated = sample.length > 0 && Calibration.isFeasible(opened.config());
      Calibration moments = calibrated ? Calibration.on(ww, opened, sample) : null;
      List<DecoderMeasurement.Row> rows = decoders(ww, opened, read, moments);
      print(out, rows);
      print(out, rows.getFirst().window(), calibrated ? sample.length : 0);
      printSamples(out, rows);
      List<EvictionComparison.Row> evictions = evictions(ww, opened, read, out);
      CheckpointAggregation.Result aggregation =
          new CheckpointAggregation(ww, opened.checkpoint(), COPIES).run();
      print(out, aggregation);
      if (json != null) {
        Report report =
            new Report(
                new Main.Version().getVersion()[0],
                Runtime.version().toString(),
                ww.diagnostics().chosen(),
                ww.diagnostics().device(),
                backend.threads(),
                opened.name(),
                kv,
                rows,
                evictions,
                aggregation);
        JsonReport.write(json, report);
      }
      return aggregation.isEqual() ? 0 : 1;
    }
  }

  private void require(boolean good, String message) {
    if (!good) {
      throw new ParameterException(spec.commandLine(), message);
    }
  }

  private List<DecoderMeasurement.Row> decoders(
      Warpwright ww, Model opened, byte[] read, @Nullable Calibration calibration)
      throws IOException {
    DecoderMeasurement measurement = new DecoderMeasurement(ww, opened, read, tokens);
    List<DecoderMeasurement.Row> rows = new ArrayList<>();
    for (WeightKind kind : WeightKind.values()) {
      rows.add(
          measurement.measure(
              DecoderOptions.of(kind, opened.config())
                  .withKv(model.kv())
                  .withCalibration(calibration)));
    }
    return rows;
  }

  private List<EvictionComparison.Row> evictions(
      Warpwright ww, Model opened, byte[] read, PrintWriter out) throws IOException {
    EvictionComparison comparison = new EvictionComparison(ww, opened, read, WINDOWS, model.kv());
    Support support = comparison.support();
    if (!support.supported() || comparison.windows() == 0) {
      String reason = support.supported() ? "the text is too short" : support.reason();
      out.println("Eviction policies are left out: " + reason);
      out.println();
      return List.of();
    }
    List<EvictionComparison.Row> rows = comparison.run(BUDGET);
    comparison.print(out, rows);
    return rows;
  }

  private static void print(PrintWriter out, List<DecoderMeasurement.Row> rows) {
    TextTable table =
        new TextTable(
            "lrrrrrrrr",
            "weights",
            "text read",
            "bits/byte",
            "prefill tok/s",
            "decode tok/s",
            "weights MB",
            "KV MB",
            "tensor peak MB",
            "process peak MB");
    for (DecoderMeasurement.Row row : rows) {
      table.row(
          row.weights(),
          row.textBytes() + " B",
          String.format(Locale.ROOT, "%.3f", row.bitsPerByte()),
          String.format(Locale.ROOT, "%.0f", row.prefillRate()),
          String.format(Locale.ROOT, "%.0f", row.decodeRate()),
          megabytes(row.weightBytes()),
          megabytes(row.kvBytes()),
          megabytes(row.peakBytes()),
          row.processBytes() < 0 ? "-" : megabytes(row.processBytes()));
    }
    table.print(out);
  }

  private static void print(PrintWriter out, int window, int calibrationBytes) {
    out.println();
    out.println(
        String.format(
            Locale.ROOT,
            """
            Bits per byte in windows of %d tokens without overlap; lower is better. Dense W4 is
            rounded to nearest. %s
            Nothing was trained after. Tensor peak: what weights, caches and workspaces of a row
            held at a time. Process peak: the system's figure for the whole JVM so far, its heap
            included.""",
            window,
            calibrationBytes == 0
                ? "Half the groups were left out by size alone."
                : "Half the groups were left out, and the others adapted, by what\n"
                    + "that does to the outputs on "
                    + calibrationBytes
                    + " bytes of text behind those read."));
  }

  private static void printSamples(PrintWriter out, List<DecoderMeasurement.Row> rows) {
    for (DecoderMeasurement.Row row : List.of(rows.getFirst(), rows.getLast())) {
      out.println();
      out.println("A sample, " + row.weights() + ":");
      row.sample()
          .lines()
          .flatMap(line -> Arrays.stream(line.split("(?<=\\G.{76})")))
          .forEach(line -> out.println("  | " + line));
    }
    out.println();
    out.flush();
  }

  private static void print(PrintWriter out, CheckpointAggregation.Result result) {
    out.println(
        String.format(
            Locale.ROOT,
            "Mean of %d perturbed copies of the checkpoint, %,d parameters each, SHA-256:",
            result.copies(),
            result.columns()));
    out.println("  arriving in slot order " + result.orderedSha256());
    out.println("  arriving shuffled      " + result.shuffledSha256());
    out.println(result.isEqual() ? "  the same bits" : "  NOT THE SAME BITS");
  }

  private static String megabytes(long value) {
    return String.format(Locale.ROOT, "%.1f", value / 1e6);
  }
}
