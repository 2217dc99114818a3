# { schema, at, value } → what is wrong with a value, whole sentences; none when it is right. As much of JSON Schema as schema.json uses.
# It never refuses what a deployment takes, and takes a little more: src/fleet/schema.ts has the last word.
let
  inherit (builtins)
    all
    any
    attrNames
    concatLists
    concatStringsSep
    elem
    filter
    genList
    head
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isString
    length
    match
    stringLength
    substring
    toJSON
    ;

  # As `bungee` itself reads a flake: a path becomes its text, since as JSON it would be copied to the store.
  clean =
    value:
    if isAttrs value then
      if value ? outPath then toString value else builtins.mapAttrs (_: clean) value
    else if isList value then
      map clean value
    else if builtins.isPath value then
      toString value
    else if builtins.isFunction value then
      "a function"
    else
      value;

  withoutNulls =
    value:
    if isAttrs value then
      builtins.mapAttrs (_: withoutNulls) (removeAttrs value (filter (name: value.${name} == null) (attrNames value)))
    else
      value;

  pathOf = import ./attribute-path.nix;

  show =
    value:
    let
      text = toJSON value;
    in
    if stringLength text > 60 then "${substring 0 57 text}…" else text;

  isNumber = value: isInt value || isFloat value;
  isOf = {
    object = isAttrs;
    array = isList;
    string = isString;
    boolean = isBool;
    number = isNumber;
    integer = value: isInt value || (isFloat value && value == builtins.floor value);
  };

  errorsOf =
    schema: at: value:
    let
      wrong = [ "${at}: ${show value} is not ${schema.description}" ];
      types = if isList schema.type then schema.type else [ schema.type ];
      fits =
        any (type: isOf.${type} value) types
        && (schema ? enum -> elem value schema.enum)
        && (schema ? const -> value == schema.const)
        && (isNumber value -> value >= schema.minimum or value && value <= schema.maximum or value)
        && (isNumber value && schema ? exclusiveMinimum -> value > schema.exclusiveMinimum)
        && (isList value -> length value >= schema.minItems or 0)
        && (isString value && schema ? posixPattern -> match schema.posixPattern value != null)
        && (isString value && schema ? posixPatternNot -> match schema.posixPatternNot value == null)
        && (isAttrs value -> all (name: value ? ${name}) (schema.required or [ ]));
      matching = filter (choice: choice.required != [ ] && all (name: value ? ${name}) choice.required) (schema.oneOf or [ ]);

      properties = schema.properties or { };
      others = schema.additionalProperties or false;
      inSet =
        name:
        let
          place = "${at}.${pathOf [ name ]}";
          badName = schema ? propertyNames && errorsOf schema.propertyNames "" name != [ ];
        in
        if properties ? ${name} then
          errorsOf properties.${name} place value.${name}
        else if others == true || others == { } then
          [ ]
        else if others == false then
          [ "${place}: no such setting (it is ${show value.${name}}); there are ${concatStringsSep ", " (attrNames properties)}" ]
        else if badName then
          [ "${place}: is not ${schema.propertyNames.description}" ]
        else
          errorsOf others place value.${name};
      inside =
        if isAttrs value then
          concatLists (map inSet (attrNames value))
        else if isList value && schema ? items then
          concatLists (genList (index: errorsOf schema.items "${at}[${toString index}]" (builtins.elemAt value index)) (length value))
        else
          [ ];
    in
    if schema == false then
      [ "${at}: cannot be set" ]
    else if schema ? anyOf then
      let
        ofItsType = filter (choice: isOf.${choice.type} value) schema.anyOf;
      in
      if ofItsType == [ ] then wrong else errorsOf (head ofItsType) at value
    else if !fits then
      wrong
    else if inside == [ ] && schema ? oneOf && length matching != 1 then
      wrong
    else
      inside
      ++ (
        if schema ? not && errorsOf schema.not at value == [ ] then
          [ "${at}: ${show value} is not ${schema.not.description}" ]
        else
          [ ]
      );
in
{
  schema,
  at,
  value,
}:
errorsOf schema at (withoutNulls (clean value))
