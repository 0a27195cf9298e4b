package dev.warpwright.cli;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.testkit.Contracts;
import dev.warpwright.testkit.KernelContract;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.ServiceLoader;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Compares the providers' kernels with the reference. */
@Command(
    name = "verify",
    description = {
      "Run every kernel of every available provider against the scalar reference: on extreme cases,"
          + " then on random ones.",
      "A violation ends a kernel's run; the command that repeats it is printed, and the exit code is"
          + " 1."
    })
final class VerifyCommand implements Callable<Integer> {
  private static final String REFERENCE = "reference";

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "Seed of the first random case, by default ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--cases",
      paramLabel = "N",
      defaultValue = "100",
      description = "Random cases a kernel, by default ${DEFAULT-VALUE}.")
  private int cases;

  @Option(
      names = "--kernel",
      paramLabel = "NAME",
      description = "Only this kernel; may be given several times.")
  private List<String> kernels = new ArrayList<>();

  @Option(
      names = "--provider",
      paramLabel = "NAME",
      description = "Only this provider; may be given several times.")
  private List<String> providers = new ArrayList<>();

  @Option(names = "--threads", paramLabel = "N", description = "Threads of CPU providers.")
  private int threads = Runtime.getRuntime().availableProcessors();

  private List<KernelContract> contracts = Contracts.all();

  /** Called by picocli. */
  VerifyCommand() {}

  /** A command over other contracts than the catalogue's. */
  VerifyCommand(List<KernelContract> contracts) {
    this.contracts = contracts;
  }

  @Override
  public Integer call() {
    if (cases < 0) {
      throw wrong("--cases", cases, "at least 0");
    }
    PrintWriter out = spec.commandLine().getOut();
    List<KernelContract> chosen = chosenContracts();
    List<String> notes = new ArrayList<>();
    TextTable table =
        new TextTable("llrrl", "kernel", "provider", "cases", "worst error", "result");
    boolean violated = false;
    OpenOptions options = OpenOptions.defaults().withThreads(threads);
    try (KernelDevice reference = provider(REFERENCE).open(options)) {
      for (KernelProvider provider : chosenProviders()) {
        Probe probe = provider.probe();
        if (!probe.isAvailable()) {
          notes.add(provider.id() + " is not available: " + String.join("; ", probe.reasons()));
          continue;
        }
        try (KernelDevice device = provider.open(options)) {
          KernelVerifier verifier = new KernelVerifier(reference, device);
          for (KernelContract contract : chosen) {
            KernelVerifier.Result result = verifier.verify(contract, seed, cases);
            row(table, notes, contract.kernel().stem(), provider.id(), result);
            violated |= result.violation() != null;
          }
        }
      }
    }
    table.print(out);
    notes.forEach(out::println);
    return violated ? 1 : 0;
  }

  private void row(
      TextTable table,
      List<String> notes,
      String kernel,
      String provider,
      KernelVerifier.Result result) {
    String verdict = "ok";
    KernelVerifier.Violation violation = result.violation();
    if (violation != null) {
      verdict = "VIOLATED";
      notes.add(kernel + " on " + provider + ": " + violation.message());
      notes.add("  repeat: " + command(kernel, provider, violation));
    } else if (result.passed() == 0) {
      verdict = "not supported";
    }
    for (String reason : result.reasons()) {
      notes.add(kernel + " on " + provider + " does not support some cases: " + reason);
    }
    table.row(
        kernel,
        provider,
        result.unsupported() == 0
            ? "" + result.passed()
            : result.passed() + " (+" + result.unsupported() + " not supported)",
        String.format(Locale.ROOT, "%.1f %%", 100 * result.worst()),
        verdict);
  }

  private String command(String kernel, String provider, KernelVerifier.Violation violation) {
    Long failed = violation.seed();
    return "warpwright verify --kernel "
        + kernel
        + " --provider "
        + provider
        + " --threads "
        + threads
        + (failed == null ? " --cases 0" : " --cases 1 --seed " + failed);
  }

  private List<KernelContract> chosenContracts() {
    List<String> stems = contracts.stream().map(c -> c.kernel().stem()).toList();
    for (String kernel : kernels) {
      if (!stems.contains(kernel)) {
        throw wrong("--kernel", kernel, String.join(", ", stems));
      }
    }
    return contracts.stream()
        .filter(c -> kernels.isEmpty() || kernels.contains(c.kernel().stem()))
        .toList();
  }

  /** The reference is compared with itself only if it is named. */
  private List<KernelProvider> chosenProviders() {
    if (!providers.isEmpty()) {
      return providers.stream().map(this::provider).toList();
    }
    return installed().stream().filter(p -> !p.id().equals(REFERENCE)).toList();
  }

  private ParameterException wrong(String option, Object value, String allowed) {
    return new ParameterException(
        spec.commandLine(), option + " is " + value + "; allowed: " + allowed);
  }

  private KernelProvider provider(String id) {
    List<KernelProvider> installed = installed();
    return installed.stream()
        .filter(p -> p.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                wrong(
                    "--provider",
                    id,
                    String.join(", ", installed.stream().map(KernelProvider::id).toList())));
  }

  private static List<KernelProvider> installed() {
    return ServiceLoader.load(KernelProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .toList();
  }
}
