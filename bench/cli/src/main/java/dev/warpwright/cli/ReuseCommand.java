package dev.warpwright.cli;

import dev.warpwright.Warpwright;
import dev.warpwright.attention.Chunk;
import dev.warpwright.cli.model.Decoder;
import dev.warpwright.cli.model.DecoderOptions;
import dev.warpwright.cli.model.Model;
import dev.warpwright.cli.model.ReusedBits;
import dev.warpwright.cli.model.ReusedBits.Window;
import dev.warpwright.cli.model.WeightKind;
import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Compares how much of a text that was read elsewhere must be read anew. */
@Command(
    name = "reuse",
    description = {
      "Use keys and values of a text again that was read behind another text, read a part of it"
          + " anew, and compare how well the model predicts what follows.",
      "The model and the text are in the distribution; nothing is downloaded."
    })
final class ReuseCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BackendOptions backend = new BackendOptions();

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--windows",
      paramLabel = "N",
      defaultValue = "8",
      description = "How many windows of the text are read, by default ${DEFAULT-VALUE}.")
  private int windows;

  @Option(
      names = "--size",
      paramLabel = "N",
      defaultValue = "256",
      description =
          "Tokens of the beginning, the chunk and the end of a window, by default"
              + " ${DEFAULT-VALUE}.")
  private int size;

  @Option(
      names = "--parts",
      paramLabel = "P",
      split = ",",
      defaultValue = "0,0.05,0.1,0.2,0.5,1",
      description = "Parts of the chunk that are read anew, by default ${DEFAULT-VALUE}.")
  private double[] parts = {};

  /** Called by picocli. */
  ReuseCommand() {}

  @Override
  public Integer call() throws IOException {
    if (windows < 2 || windows > 64) {
      throw wrong("--windows", "" + windows, "2..64");
    }
    if (size < 2 || size > 512) {
      throw wrong("--size", "" + size, "2..512");
    }
    if (!Arrays.stream(parts).allMatch(part -> part >= 0 && part <= 1)) {
      throw wrong("--parts", Arrays.toString(parts), "0..1 each");
    }
    DType kv = model.kv();
    PrintWriter out = spec.commandLine().getOut();
    byte[] text = model.text();
    try (Warpwright ww = backend.open();
        Model opened = model.open()) {
      int[] tokens = opened.tokenizer().encode(text);
      int length = 3 * size;
      if (tokens.length < windows * length || opened.config().positions() < length) {
        throw wrong(
            "--windows",
            "of " + length + " tokens",
            "what the text's " + tokens.length + " tokens and the model's positions hold");
      }
      out.println("Backend: " + ww.diagnostics());
      out.println("Model:   " + opened.name());
      out.println();
      out.flush();
      DecoderOptions options =
          DecoderOptions.of(WeightKind.F32, opened.config())
              .withKv(kv)
              .withLength(length)
              .withSequences(2);
      try (Decoder decoder = new Decoder(ww, opened, options);
          ReusedBits bits = new ReusedBits(ww, decoder)) {
        measure(bits, windows(tokens), out);
      }
      return 0;
    }
  }

  private List<Window> windows(int... tokens) {
    List<Window> cut = new ArrayList<>();
    for (int i = 0; i < windows; i++) {
      int at = i * 3 * size;
      cut.add(new Window(part(tokens, at), part(tokens, at + size), part(tokens, at + 2 * size)));
    }
    return cut;
  }

  private List<Integer> part(int[] tokens, int from) {
    return Arrays.stream(tokens, from, from + size).boxed().toList();
  }

  private void measure(ReusedBits bits, List<Window> cut, PrintWriter out) {
    List<Double> whole = cut.stream().map(bits::whole).toList();
    List<List<Double>> reused = new ArrayList<>();
    Arrays.stream(parts).forEach(_ -> reused.add(new ArrayList<>()));
    double impact = 0;
    for (int i = 0; i < cut.size(); i++) {
      try (Chunk chunk = bits.record(cut.get(i), cut.get((i + 1) % cut.size()))) {
        impact += chunk.contextImpact() / cut.size();
        for (int j = 0; j < parts.length; j++) {
          reused.get(j).add(bits.reused(cut.get(i), chunk, parts[j]));
        }
      }
    }
    TextTable table = new TextTable("rrr", "read anew", "bits/token", "above the whole");
    table.row("whole window", bits(whole), "");
    for (int j = 0; j < parts.length; j++) {
      table.row(
          String.format(Locale.ROOT, "%.0f %%", 100 * parts[j]),
          bits(reused.get(j)),
          PairedDifference.of(reused.get(j), whole).toString());
    }
    table.print(out);
    out.println(
        String.format(
            Locale.ROOT,
            """

            Each of %d windows: a beginning, a chunk and an end of %d tokens each. Keys and values of
            the chunk are those from behind the beginning of the next window, turned to their new
            positions; the tokens that looked most at that beginning are read anew. Bits a token over
            the end; the difference is paired over the windows, ± its standard error. Mean impact of
            the context on the chunks (CCI): %.3f.\
            """,
            cut.size(),
            size,
            impact));
    out.println();
    out.flush();
  }

  private static String bits(List<Double> values) {
    double mean = values.stream().mapToDouble(x -> x).average().orElseThrow();
    return String.format(Locale.ROOT, "%.4f", mean);
  }

  private ParameterException wrong(String option, String value, String allowed) {
    return new ParameterException(
        spec.commandLine(), option + " is " + value + "; allowed: " + allowed);
  }
}
